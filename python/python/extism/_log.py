"""`set_log_custom`: log lines for a callable.

Lines are collected in Rust, where `set_log_file` is as well; here is what must be done when a logger
goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from ._native import CustomLog


@final
class CustomLogger(CustomLog):
    """The log lines that wait for a callable; `set_log_custom` makes it.

    When it goes, it drains first.
    """

    def __del__(self) -> None:
        self.drain()


def set_log_custom(f: Callable[[str], object], level: str | None = None) -> CustomLogger:
    """Collects the lines of guests for a callable, from now on.

    Lines wait until `drain()` of the result hands them over, so that `f` never runs inside of a
    guest's call:

    >>> log = extism.set_log_custom(print, "info")
    >>> plugin.call("run")
    >>> log.drain()

    What is logged also goes to the logger `extism` of the module `logging`, as with `set_log_file`.

    This is for the whole process, and replaces what was set before, as with `set_log_file`. Keep
    the result: when it goes, it drains, and logging is off. After another setting, it still has the
    lines from before.

    Args:
        f: It is called as `f(line)` with each line: a `str` in the format of `set_log_file`, with
            the newline.
        level: The lowest level that is logged, as in `set_log_file`; `error` if not given.

    Returns:
        What collects the lines.

    Raises:
        extism.ArgumentError: If there is no such level, or if `f` is not callable.
    """
    return CustomLogger(f, level)
