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
    """Log lines that wait for a callable. `set_log_custom` makes it.

    It drains before it is garbage collected.
    """

    def __del__(self) -> None:
        self.drain()


def set_log_custom(f: Callable[[str], object], level: str | None = None) -> CustomLogger:
    """Collects the log lines of guests for a callable.

    Lines wait until you call `drain()` of the result. So `f` never runs inside a call of a guest:

    >>> log = extism.set_log_custom(print, "info")
    >>> plugin.call("run")
    >>> log.drain()

    Lines also go to the logger `extism` of the module `logging`, as with `set_log_file`.

    The setting is global and replaces the one before. Keep the result: when it is garbage collected, it drains
    and logging is off. After another setting it still has the earlier lines.

    Args:
        f: A callable that takes a line as `str`, in the format of `set_log_file`, with the newline.
        level: The lowest level that is logged, as in `set_log_file`. The default is `error`.

    Returns:
        The collector.

    Raises:
        extism.ArgumentError: If the level is unknown, or if `f` is not callable.
    """
    return CustomLogger(f, level)
