"""The code blocks of the documents, and the program that runs those of one page.

A page runs as a whole, in a folder of its own: its Python blocks share their names, as in a notebook, and its shell
blocks the folder. The words after the language of a block decide what is done with it:

- `title="output"` on a `text` block: the block before it prints exactly this.
- `title="NAME"` on any other block: it is written to the file NAME.
- `skip="REASON"`: the block cannot run here, for that reason.
- `needs="PACKAGE ..."`: the page runs only where these packages are installed.

It imports nothing of pytest; `test_documents.py` runs it.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"python": "python", "py": "python", "sh": "shell", "bash": "shell", "console": "shell"}
FENCE = re.compile(r"^```(\w*) ?(.*)$")
OPTION = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass
class Block:
    """A block that runs, with the first line of its code in the page."""

    kind: str
    line: int
    code: str
    file: str | None
    skip: str | None
    needs: list[str]
    output: str | None = None


def pages() -> list[Path]:
    """The documents whose blocks run."""
    return [ROOT / "README.md", ROOT / "python/README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that run or are written to files, each with the output that it has to print.

    Raises:
        ValueError: If an output belongs to no block, or a fence is not closed.
    """
    found: list[Block] = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        fence = FENCE.match(line)
        if not fence:
            continue
        language, words = fence.groups()
        options = dict(OPTION.findall(words))
        body: list[str] = []
        for _, line in lines:
            if line.rstrip() == "```":
                break
            body.append(line)
        else:
            raise ValueError(f"{page}:{number}: the block is not closed")
        code = "\n".join(body) + "\n"
        title = options.get("title")
        if title == "output":
            if not found or found[-1].output is not None:
                raise ValueError(f"{page}:{number}: no block prints this")
            found[-1].output = code
        elif title or language in LANGUAGES:
            kind = "file" if title else LANGUAGES[language]
            needs = options.get("needs", "").split()
            found.append(Block(kind, number + 1, code, title, options.get("skip"), needs))
    return found


def run(page: str, found: list[Block]) -> None:
    """Runs the blocks of a page in the working directory.

    Raises:
        AssertionError: If a block prints something else than the page says.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    for block in found:
        if block.skip is not None:
            continue
        if block.file is not None:
            Path(block.file).write_text(block.code, encoding="utf-8")
            continue
        if block.kind == "python":
            stream = io.StringIO()
            # Tracebacks name the line of the page.
            code = compile("\n" * (block.line - 1) + block.code, page, "exec", dont_inherit=True)
            with contextlib.redirect_stdout(stream):
                exec(code, names)
            printed = stream.getvalue()
        else:
            command = ["bash", "-euo", "pipefail", "-c", block.code]
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
            printed = done.stdout
            assert done.returncode == 0, f"{page}:{block.line}: exit code {done.returncode}\n{printed}"
        if block.output is not None:
            assert printed == block.output, (
                f"{page}:{block.line} printed\n{printed}\nthe page says\n{block.output}"
            )


def to_json(found: list[Block]) -> str:
    return json.dumps([asdict(block) for block in found])


if __name__ == "__main__":
    # Blocks import the files that others of the page are.
    sys.path.insert(0, "")
    run(sys.argv[1], [Block(**block) for block in json.load(sys.stdin)])
