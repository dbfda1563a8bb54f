"""Lets handlers of fatal signals be changed at any time, beside guests that trap.

Engines catch traps of guests by handlers of the signals that `faulthandler` reports as crashes, and that
`signal.signal` can be asked for. Here these switches are made to work below the handlers of engines: a
trap stays a trap, and for a crash happens what was asked for. The native module calls `install` before it opens the
first engine; until then nothing is changed.
"""

import faulthandler
import functools
import signal
from collections.abc import Callable, Iterable
from typing import Any

from ._native import below_engine_handlers

_MARK = "_extism_below_engines"

#: The signals by which guests trap.
_FATAL = ("SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")


def _always(*args: Any, **kwargs: Any) -> bool:
    return True


def _is_fatal(signalnum: Any = None, *args: Any, **kwargs: Any) -> bool:
    return signalnum in [getattr(signal, name) for name in _FATAL]


def _wrapped(
    function: Callable[..., Any], concerns: Callable[..., bool]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if concerns(*args, **kwargs):
            return below_engine_handlers(function, *args, **kwargs)
        return function(*args, **kwargs)

    setattr(call, _MARK, True)
    return call


def _wrapped_mask(function: Callable[..., Any]) -> Callable[..., Any]:
    """`signal.pthread_sigmask` that never blocks the signals by which guests trap: the system ends a process in
    which one of them is blocked when an instruction causes it."""

    @functools.wraps(function)
    def call(how: int, mask: Iterable[int]) -> Any:
        if how != signal.SIG_UNBLOCK:
            mask = [number for number in mask if not _is_fatal(number)]
        return function(how, mask)

    setattr(call, _MARK, True)
    return call


def install() -> None:
    """Wraps the switches, once."""
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is not None and not hasattr(mask, _MARK):
        setattr(signal, "pthread_sigmask", _wrapped_mask(mask))
    for module, name, concerns in [
        (faulthandler, "enable", _always),
        (faulthandler, "disable", _always),
        (signal, "signal", _is_fatal),
    ]:
        function = getattr(module, name)
        if not hasattr(function, _MARK):
            setattr(module, name, _wrapped(function, concerns))
