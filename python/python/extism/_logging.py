"""Log lines of guests for programs that only set up `logging`: the level of the logger `extism` is that of guests.

`logging` does not tell when it is set up. But each logger has a cache that is cleared whenever a level changes; the
cache here looks then. A handler that is added without a change of a level is seen when the next plug-in is compiled.

Invariants: as long as the logger has no handler, nothing is set and guests see the level `off`; once `set_log_file` or
`set_log_custom` was called, that decides.
"""

from __future__ import annotations

import logging

from ._native import follow_logging

__all__ = ["install", "look"]

_LEVELS = (
    (5, "trace"),
    (logging.DEBUG, "debug"),
    (logging.INFO, "info"),
    (logging.WARNING, "warn"),
    (logging.ERROR, "error"),
)
"""The numbers of levels, and their names; `logging` has none for the first."""

_LOGGER = logging.getLogger("extism")


class _Cache(dict[int, bool]):
    """What a logger knows of levels. It is cleared when one changes."""

    def clear(self) -> None:
        super().clear()
        look()


def look() -> None:
    """Has guests log what the logger takes now."""
    follow_logging(_level())


def _level() -> str:
    if _LOGGER.hasHandlers():
        for number, name in _LEVELS:
            # Not `isEnabledFor`, which asks the cache.
            if number > _LOGGER.manager.disable and number >= _LOGGER.getEffectiveLevel():
                return name
    return "off"


def install() -> None:
    """Looks now, and whenever a level changes. The package does so once."""
    # Loggers of other implementations may have none.
    if isinstance(getattr(_LOGGER, "_cache", None), dict):
        setattr(_LOGGER, "_cache", _Cache())
    look()
