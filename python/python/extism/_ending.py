"""Ctrl-C in programs whose other threads are in guests.

A guest on another thread than the main one does not see Ctrl-C: Python tells the main thread only. If that one leaves
the program, it waits for the others: `asyncio.run` for the threads of `to_thread`, an executor for its threads, the
interpreter for all threads that are no daemons. So while guests run on other threads, a thread here looks whether
the main one is on its way out because of Ctrl-C; then the guests are cancelled.

Invariants: a program that ends otherwise, or that handles Ctrl-C itself, is left alone; the threads of guests never
wait for the GIL because of this.
"""

from __future__ import annotations

import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any

from ._native import abandon, unwatched

PERIOD = 0.1
"""How often the thread looks, in seconds."""

LIFETIME = 10.0
"""For how long it does so, until a guest runs for long again."""

_LEAVING = {
    "asyncio.runners": ("run", "Runner.close", "Runner.__exit__"),
    "concurrent.futures._base": ("Executor.__exit__",),
    "multiprocessing.pool": ("Pool.__exit__",),
}
"""Where the standard library waits for threads while an exception passes."""


def watch() -> None:
    """Looks after the main thread for a while. Rust calls it when a guest on another thread has run for long."""
    try:
        threading.Thread(target=_look, name="extism-interrupt", daemon=True).start()
    except RuntimeError:
        # The interpreter ends already.
        unwatched()


def _look() -> None:
    end = time.monotonic() + LIFETIME
    leaves = False
    while leaves or time.monotonic() < end:
        time.sleep(PERIOD)
        leaves = main_leaves()
        abandon(leaves)
    unwatched()


def main_leaves() -> bool:
    """Tells whether the main thread is on its way out of the program because of Ctrl-C.

    Returns:
        Whether it waits for other threads while a `KeyboardInterrupt` passes, or after it has passed.
    """
    main = threading.main_thread().ident
    if main is None:
        return False
    frame = sys._current_frames().get(main)
    if frame is None:
        return False
    codes = _codes(frame)
    if threading._shutdown.__code__ in codes:  # type: ignore[attr-defined]
        # A session in which somebody has pressed Ctrl-C before ends as any other.
        is_session = sys.flags.interactive or hasattr(sys, "ps1")
        return not is_session and getattr(sys, "last_type", None) is KeyboardInterrupt
    return not codes.isdisjoint(_leaving()) and isinstance(_passing(main), KeyboardInterrupt)


def _codes(frame: FrameType | None) -> set[CodeType]:
    codes = set()
    while frame is not None:
        codes.add(frame.f_code)
        frame = frame.f_back
    return codes


def _leaving() -> set[CodeType]:
    codes = set()
    for name, paths in _LEAVING.items():
        for path in paths:
            found: Any = sys.modules.get(name)
            for part in path.split("."):
                found = getattr(found, part, None)
            code = getattr(found, "__code__", None)
            if isinstance(code, CodeType):
                codes.add(code)
    return codes


def _passing(thread: int) -> BaseException | None:
    """The exception that a thread is handling."""
    found: Any = sys._current_exceptions().get(thread)  # pyright: ignore[reportAttributeAccessIssue]
    # Before Python 3.12, what `sys.exc_info()` gives.
    exception: BaseException | None = found[1] if isinstance(found, tuple) else found
    return exception
