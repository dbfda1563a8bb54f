"""Tables in HTML, for notebooks.

It knows rows of text only. Invariant: nothing of a plug-in gets into the page as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["Shown", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Writes a table.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
        caption: The text above the table.

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


class Shown:
    """A base class for results that notebooks show as tables and other programs as text.

    A subclass has `_repr_html_` and `__str__`.
    """

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude  # Only wishes, and there is little to choose from.
        return {"text/plain": str(self), "text/html": self._repr_html_()}
