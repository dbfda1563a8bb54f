"""Dumps and profiling: `Diagnostics`.

The Rust type of the same name says what each part means.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Dumps after a failure, and profiles, for `diagnostics=` of `Plugin` and `CompiledPlugin`.

    If a part is `None`, its environment variable decides; `False` switches it off. A part that the engine does
    not support is an `UnsupportedError` if you set it here, and a warning in the log if the environment does. Calls
    that succeed cost the same.

    A dump replaces that of an earlier failure, of any plug-in. Only the user can read it. If it cannot be written, the
    log says so and the call fails as it would without.
    """

    core_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for a core dump, written when a guest is stopped in the middle of its work: by a trap, a host
    function that failed, a time limit, a cancellation, the end of its fuel. It is in the format of
    WebAssembly's tool conventions: the functions that were running, as `Error.backtrace` has them, and all
    bytes of the memories that the host can see. The environment variable is `EXTISM_COREDUMP`. The engine needs
    the capability `core-dump`."""

    memory_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for the bytes of the memory that guests and host share, written when a call fails after
    guest code has run. The environment variable is `EXTISM_MEMDUMP`."""

    profiler: Literal["perf", "jitdump", "vtune", False] | None = None
    """The profiler that is told which machine code belongs to which function. `"perf"` writes
    `/tmp/perf-PID.map` for `perf` of Linux. The environment variable is `EXTISM_PROFILE`. The engine needs the
    capability `profile-perf`, and so on."""
