"""Which interpreter of the process may import the package: the main one.

The native module has one state for the process. In a second interpreter its classes and exceptions
would be those of the first, and host functions could run in the wrong one; so it is refused there.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["refuse_others"]


def refuse_others() -> None:
    """Does nothing in the main interpreter.

    Raises:
        ImportError: In any other.
    """
    interpreters = _interpreters()
    if interpreters is not None and interpreters.get_current() != interpreters.get_main():
        raise ImportError(
            "extism cannot be imported in a subinterpreter, because its native module belongs to "
            "the whole process; import it in the main interpreter",
            name="extism",
        )


def _interpreters() -> Any:
    # Its name since Python 3.13, and before.
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
