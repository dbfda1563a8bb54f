"""The stub of the native module carries the docstrings of the module, for editors.

`BLESS=1` writes them into the stub.
"""

import inspect
import ast
import os
from pathlib import Path
from textwrap import indent

import pytest

import extism
from extism import _native

STUB = Path(extism.__file__).parent / "_native.pyi"


def documented(tree):
    """Every class and function of a stub that has a docstring at run time, with that. Of overloads, the first."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            owner = getattr(_native, node.name)
            yield node, owner.__doc__
            seen = set()
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name not in seen:
                    seen.add(member.name)
                    found = vars(owner).get(member.name)
                    if not member.name.startswith("__") or member.name == "__call__":
                        yield member, getattr(found, "__doc__", None)
        elif isinstance(node, ast.FunctionDef):
            yield node, getattr(_native, node.name).__doc__


def has_none(node):
    return ast.get_docstring(node, clean=False) is None


def written(text):
    """The stub with the docstrings that it lacks, and with others as they are at run time."""
    lines = text.splitlines(keepends=True)
    rows = [(node, doc) for node, doc in documented(ast.parse(text)) if doc]
    # From the end, so that lines stay where they are; a class after its first member.
    for node, doc in sorted(rows, key=lambda row: (-row[0].body[0].lineno, isinstance(row[0], ast.ClassDef))):
        first = node.body[0]
        margin = " " * (node.col_offset + 4)
        quoted = doc.replace("\\", "\\\\").replace('"""', '\\"""').strip()
        several = "\n" + margin if "\n" in quoted else ""
        docstring = indent(f'"""{quoted}', margin, lambda line: bool(line.strip())) + f'{several}"""\n'
        if not has_none(node):
            lines[first.lineno - 1 : first.end_lineno] = [docstring]
            continue
        if isinstance(node, ast.ClassDef):
            starts = [first.lineno, *(one.lineno for one in getattr(first, "decorator_list", ()))]
            lines.insert(min(starts) - 1, docstring)
            continue
        line = lines[first.lineno - 1]
        lines[first.lineno - 1] = f"{line[: first.col_offset].rstrip()}\n{docstring}"
    return "".join(lines)


def test_the_stub_has_the_docstrings():
    text = STUB.read_text()
    expected = written(text)
    ast.parse(expected)
    if os.environ.get("BLESS") == "1":
        STUB.write_text(expected)
        pytest.skip("written")
    assert text == expected, "BLESS=1 writes them"


def test_everything_public_has_a_docstring():
    for name in extism.__all__:
        found = getattr(extism, name)
        assert found.__doc__, name
        if isinstance(found, type) and found.__module__ == "extism":
            members = {key: value for key, value in vars(found).items() if not key.startswith("_")}
            for key, value in members.items():
                if callable(value) or isinstance(value, property):
                    assert inspect.getdoc(getattr(found, key)), f"{name}.{key}"
