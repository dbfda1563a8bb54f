"""What is written down for those who look for a mistake or for lost time: `Diagnostics`.

What it means is said in Rust, where the class of the same name is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Dumps after a failure, and profiles, for `diagnostics=` of `Plugin` and `CompiledPlugin`.

    Each part is left to an environment variable if it is `None`, and switched off if it is `False`. What
    an engine cannot do is an `UnsupportedError` if it is asked for here, and a warning in the log if
    only the environment asks for it. Calls that succeed cost the same.

    Files of dumps are written whole and replace what an earlier failure, of whatever plug-in, left. Only
    the user can read them. If one cannot be written the log says so, and the call ends as it would
    without.
    """

    core_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for a core dump, written when a guest is stopped in the middle of its work: by a trap, a host
    function that failed, a time limit, a cancellation, the end of its fuel. It is in the format of
    WebAssembly's tool conventions: the functions that were running, as `Error.backtrace` has them, and all
    bytes of the memories that the host can see. Else `EXTISM_COREDUMP` says it. For engines with the
    capability `core-dump`."""

    memory_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for the bytes of the memory that guests and host share, written when a call fails after
    guest code has run. Else `EXTISM_MEMDUMP` says it."""

    profiler: Literal["perf", "jitdump", "vtune", False] | None = None
    """Who is told which machine code belongs to which function. `"perf"` writes `/tmp/perf-PID.map` for
    `perf` of Linux. Else `EXTISM_PROFILE` says it. For engines with the capability `profile-perf` and so
    on."""
