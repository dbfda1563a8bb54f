"""The README and the pages of the site: their code runs and prints what they say, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import documents
import pytest

import extism
from extism import _errors

ROOT = documents.ROOT
# What pages find in their folder beside the repository's own examples and tests.
FILES = {
    "count_vowels.wasm": extism.examples.count_vowels(),
    "plugin.wasm": extism.examples.count_vowels(),
    "program.wasm": ROOT / "tests/guests/c/c_zig_wasi_command.wasm",
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
WRITTEN = [
    *documents.pages(),
    *(path for path in sorted(ROOT.glob("*.md")) if path.name != "README.md"),
    ROOT / "tests/ATTACKS.md",
    ROOT / "tests/guests/README.md",
    ROOT / "benches/guests/README.md",
]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", documents.pages(), ids=name)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    found = documents.blocks(page)
    assert all(block.skip is None or len(block.skip) > 10 for block in found), "a block is skipped without a reason"
    missing = {need for block in found for need in block.needs if importlib.util.find_spec(need) is None}
    if missing:
        pytest.skip(f"needs {', '.join(sorted(missing))}: pip install -r python/requirements-recipes.txt")
    for target, source in FILES.items():
        shutil.copyfile(source, tmp_path / target)
    for folder in ["examples", "tests"]:
        (tmp_path / folder).symlink_to(ROOT / folder)
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, documents.__file__, name(page)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        input=documents.to_json(found),
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "block",
    [
        documents.Block("python", 1, "print(1)\n", None, None, [], output="2\n"),
        documents.Block("shell", 1, "echo 1\n", None, None, [], output="2\n"),
        documents.Block("shell", 1, "false\n", None, None, []),
    ],
    ids=lambda block: block.code.strip(),
)
def test_a_block_that_does_something_else_fails(block: documents.Block) -> None:
    with pytest.raises(AssertionError, match="page:1"):
        documents.run("page", [block])


def test_the_first_code_of_the_readme_runs_as_it_is() -> None:
    first = documents.blocks(ROOT / "README.md")[0]
    assert (first.kind, first.skip, first.needs) == ("python", None, [])
    assert first.output is not None


def test_every_kind_of_error_is_listed() -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = {f"| `{cls.__name__}` | `{kind}` |" for kind, cls in _errors.CLASSES.items()}
    assert not {row for row in rows if row not in page}


def slugs(text: str) -> set[str]:
    """The anchors of a document, as GitHub and the site make them of headings."""
    found = set()
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        if line.startswith("#") and not fenced:
            heading = line.lstrip("#").strip().lower()
            found.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading)))
    return found


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        # The anchors of the reference are made of docstrings, and checked when the site is built.
        if re.match(r"\w+:", target) or target.startswith("reference.md#"):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in slugs(file.read_text(encoding="utf-8"))):
            dead.append(target)
    assert not dead


@pytest.mark.parametrize(
    "source", ["rust/src/lib.rs", "c/greet.c", "assemblyscript/index.ts", "javascript/greet.js", "javascript/greet.d.ts"]
)
def test_the_guide_shows_the_plugins_that_are_built(source: str) -> None:
    guide = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    assert (ROOT / "examples/plugins" / source).read_text(encoding="utf-8") in guide
