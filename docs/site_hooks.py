"""Adds documents of the repository to the site: those that lie elsewhere because they are read there, too.

Links of all pages are those of the repository and are rewritten: to a page of the site if the target is one, otherwise
to plain text. The options of code blocks that only tests read are taken away.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "ARCHITECTURE.md": "design/architecture.md",
    "RATIONALE.md": "design/decisions.md",
    "CONTRIBUTING.md": "design/contributing.md",
    "CHANGELOG.md": "design/changelog.md",
    "tests/ATTACKS.md": "design/attacks.md",
    "tests/spec/README.md": "design/spec-results.md",
    "benches/published/python.md": "design/benchmarks.md",
    "benches/published/guests.md": "design/guest-speed.md",
}
# Their tables need the place of the table of contents.
WIDE = {"specification.md", "design/benchmarks.md", "design/guest-speed.md", "design/spec-results.md"}
IMAGES = {"benches/published/python.svg": "design/python.svg"}
TITLES = {
    "benches/published/python.md": "# Calls beside the Extism SDK\n\n`make bench` makes this table.\n\n",
    "benches/published/guests.md": "# Guest speed\n\n`make bench` makes these tables, `make bench-guests` in two "
    "minutes.\n\n",
}
TESTED = re.compile(r"^```\w+[ ,].*$", re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, target in PAGES.items():
        text = TITLES.get(source, "") + (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_linked(text, source, target)))
    for source, target in IMAGES.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Takes away what only the tests of the blocks read (`python/tests/documents.py`), and makes room for tables."""
    if page.file.src_uri in WIDE:
        page.meta["hide"] = ["toc"]
    if page.file.src_uri == "reference.md":
        markdown += _rest_of_reference(markdown)
    if page.file.src_uri not in PAGES.values():
        markdown = _linked(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)
    return TESTED.sub(lambda fence: re.sub(r',no_run| (?:skip|needs)="[^"]*"', "", fence.group()), markdown)


def _rest_of_reference(markdown: str) -> str:
    """The public names of the package that the page does not have."""
    module = ast.parse((ROOT / "python/python/extism/__init__.py").read_text(encoding="utf-8"))
    listed = next(
        ast.literal_eval(step.value)
        for step in module.body
        if isinstance(step, ast.Assign) and isinstance(step.targets[0], ast.Name) and step.targets[0].id == "__all__"
    )
    # Errors are shown as a module, and `host_fn` is a module and a function.
    there = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)", markdown, re.MULTILINE)}
    rest = [name for name in listed if name not in there and not name.endswith("Error")]
    return "".join(["\n## More\n\n", *(f"::: extism.{name}\n" for name in rest)]) if rest else ""


def _linked(text: str, source: str, target: str) -> str:
    def replace(match: re.Match[str]) -> str:
        image, label, link, anchor = match.groups()
        if re.match(r"\w+:", link):
            return match.group()
        path = normpath(str(PurePosixPath(source).parent / link))
        page = PAGES.get(path) or IMAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if page is None:
            return label
        return f"{image}[{label}]({relpath(page, PurePosixPath(target).parent)}{anchor or ''})"

    return LINK.sub(replace, text)
