"""Gives the classes of the native module their docstrings.

Their signatures are in `_native.pyi`, with `__new__` where readers expect `__init__`. Their docstrings are written in
Rust and exist only in the built module, so that is imported here.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import griffe

NATIVE = "extism._native"


class NativeDocstrings(griffe.Extension):
    """Fills in what `_native.pyi` does not have."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        if pkg.path == "extism":
            _fill(pkg["_native"], importlib.import_module(NATIVE))


def _fill(object: griffe.Object, value: Any) -> None:
    if object.is_class and "__new__" in object.members:
        object.set_member("__init__", object.members["__new__"])
        object.del_member("__new__")
    # Of a function that has only overloads griffe makes no member.
    for name, overloads in object.overloads.items():
        if name not in object.members and overloads:
            name = {"__new__": "__init__"}.get(name, name)
            object.set_member(name, overloads[0])
            overloads[0].overloads = list(overloads)
    for name, member in list(object.members.items()):
        if member.is_alias or not hasattr(value, name):
            continue
        found = inspect.getattr_static(value, name)
        text = inspect.getdoc(found)
        # Of a slot Python has a text of its own, which says nothing of this class.
        if text and member.docstring is None and not name.startswith("__"):
            member.docstring = griffe.Docstring(text, parent=member, parser="google")
        if member.is_class:
            _fill(member, getattr(value, name))
