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

    With `None` the environment variable of a field decides. `False` switches it off. If the engine does not support
    a field, you get `UnsupportedError` if you set it here, and a warning in the log if the environment sets it.
    Calls that succeed cost the same.

    A dump replaces the dump of an earlier failure of any plug-in. Only you can read the file. If it cannot be
    written, the log says so and the call fails with its own error.
    """

    core_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for a core dump. It is written when a guest is stopped: by a trap, a failed host function, a timeout,
    a cancellation or a lack of fuel. The format is that of WebAssembly's tool conventions. It has the running
    functions, as in `Error.backtrace`, and the memories that the host can see. The environment variable is
    `EXTISM_COREDUMP`. The engine needs the capability `core-dump`."""

    memory_dump: str | os.PathLike[str] | Literal[False] | None = None
    """The file for the memory that guests and host share. It is written when a call fails after guest code has run.
    The environment variable is `EXTISM_MEMDUMP`."""

    profiler: Literal["perf", "jitdump", "vtune", False] | None = None
    """The profiler that gets the names of compiled functions. `"perf"` writes `/tmp/perf-PID.map` for Linux `perf`.
    The environment variable is `EXTISM_PROFILE`. The engine needs the capability, such as `profile-perf`."""
