"""Tables in HTML, for notebooks.

It knows rows of text only. Invariant: nothing of a plug-in gets into the page as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["preformatted", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Writes a table.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
        caption: What stands above it.

    Returns:
        The table as HTML.
    """
    lines = ["<table>"]
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines.append(f"<thead><tr>{cells}</tr></thead><tbody>")
    for row in rows:
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    lines.append("</tbody></table>")
    return "\n".join(lines)


def preformatted(text: str) -> str:
    """Writes text as it is.

    Args:
        text: The text.

    Returns:
        It as HTML, in letters of one width.
    """
    return f"<pre>{escape(text)}</pre>"
