"""Lets `faulthandler` be switched on and off at any time, beside guests that trap.

Engines catch traps of guests by handlers of the signals that `faulthandler` reports as crashes. Here
its switches are made to work below those handlers: a trap stays a trap, a crash is still reported.
"""

import faulthandler
import functools
import os
from collections.abc import Callable
from typing import Any

_MARK = "_extism_beneath"


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    from ._native import beneath

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return beneath(function, *args, **kwargs)

    setattr(call, _MARK, True)
    return call


def install() -> None:
    """Wraps the switches of `faulthandler`, once."""
    if os.name != "posix":
        return
    for name in ("enable", "disable"):
        function = getattr(faulthandler, name)
        if not hasattr(function, _MARK):
            setattr(faulthandler, name, _wrapped(function))
