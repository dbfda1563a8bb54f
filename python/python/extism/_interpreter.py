"""Which interpreters may import the package: the main one of a process, of a Python that has the native module.

The native module has one state for the process. In a second interpreter its classes and exceptions
would be those of the first, and host functions could run in the wrong one; so it is refused there.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

__all__ = ["refuse_others", "warn_of_the_sdk"]


def refuse_others() -> None:
    """Does nothing in the main interpreter.

    Raises:
        ImportError: In any other, and in a free-threaded Python that the native module is not built for.
    """
    if sysconfig.get_config_var("Py_GIL_DISABLED") and importlib.util.find_spec("extism._native") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ImportError(
            f"extism has no build for free-threaded Python; use the ordinary build of Python {version}",
            name="extism",
        )
    interpreters = _interpreters()
    if interpreters is not None and interpreters.get_current() != interpreters.get_main():
        raise ImportError(
            "extism cannot be imported in a subinterpreter, because its native module belongs to "
            "the whole process; import it in the main interpreter",
            name="extism",
        )


def warn_of_the_sdk() -> None:
    """Warns if the Extism Python SDK is installed where this package is: both are imported by one name, and each
    overwrites files of the other."""
    folder = Path(__file__).parent.parent
    # Both in one folder, as pip installs them. In a checkout only one of them can be meant.
    found = sorted(path.name for path in folder.glob("extism-*.dist-info"))
    if found:
        version = found[-1].removeprefix("extism-").removesuffix(".dist-info")
        warnings.warn(
            f"the distribution extism {version} (the Extism Python SDK) is installed beside polyextism, and both "
            "provide the package `extism`: which files are whose depends on the order of installing; uninstall both "
            "(pip uninstall extism polyextism) and install the one that you want",
            stacklevel=3,
        )


def _interpreters() -> Any:
    # Its name since Python 3.13, and before.
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
