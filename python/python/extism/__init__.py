"""Runs Extism WebAssembly plug-ins on the engine of your choice.

>>> import extism
>>> with extism.Plugin(extism.examples.count_vowels(), engine="wasmer") as plugin:
...     plugin.call("count_vowels", "Hello, World!")
b'{"count": 3, "total": 3, "vowels": "aeiouAEIOU"}'

`Plugin` is what most programs need, `CompiledPlugin` makes many of one, and a `Pool` lends them;
`host_fn` makes Python functions that plug-ins can call; `engines` lists the engines that are built in,
`compare` runs the same calls on all of them, and `bench` measures a call; every failure is an `Error`,
of its own subclass.
"""

import atexit
import os

from . import _interpreter

_interpreter.refuse_others()

from ._bench import bench
from ._benchmark import Benchmark, Cost, Spread
from ._compare import Difference, LogLine, Report, Run, Step
from ._diagnostics import Diagnostics
from ._errors import (
    ArgumentError,
    CancelledError,
    ClosedError,
    EngineError,
    EnginePanicError,
    Error,
    ExitError,
    Frame,
    GuestError,
    HostFunctionError,
    InvalidModuleError,
    LinkError,
    ManifestError,
    MemoryLimitError,
    OutOfFuelError,
    ReentrantError,
    ReturnCodeError,
    TrapError,
    UnknownEngineError,
    UnknownFunctionError,
    UnsupportedError,
)

# Not in __all__: a star import must not hide the built-in TimeoutError, which this one extends.
from ._errors import TimeoutError as TimeoutError
from ._limits import Limits
from ._log import CustomLogger, set_log_custom
from ._manifest import Manifest, MemoryOptions, Wasm
from ._native import (
    CancelHandle,
    CompiledPlugin,
    CurrentPlugin,
    Engine,
    Function,
    Plugin,
    Pool,
    Wasi,
    compare,
    engines,
    extism_version,
    set_log_file,
)
from ._state import Config, Vars
from .codec import Codec, Json, LittleEndian, Pickle
from .host_fn import ExplicitFunction, TypeInferredFunction, host_fn
from .http import HttpRequest, HttpResponse
from .types import Memory, Val, ValType

from . import _native

# Like `extism` below an attribute of the package, so that `extism.examples.count_vowels()` needs no further import.
from . import examples as examples

# Programs for the Extism Python SDK import from this module, or reach it as an attribute.
from . import extism as extism

__version__ = extism_version()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork,
        after_in_child=_native.forked,
    )
atexit.register(_native.begin_to_end)

__all__ = [
    "ArgumentError",
    "Benchmark",
    "CancelHandle",
    "CancelledError",
    "ClosedError",
    "Codec",
    "CompiledPlugin",
    "Config",
    "Cost",
    "CurrentPlugin",
    "CustomLogger",
    "Diagnostics",
    "Difference",
    "Engine",
    "EngineError",
    "EnginePanicError",
    "Error",
    "ExitError",
    "ExplicitFunction",
    "Frame",
    "Function",
    "GuestError",
    "HostFunctionError",
    "HttpRequest",
    "HttpResponse",
    "InvalidModuleError",
    "Json",
    "Limits",
    "LinkError",
    "LittleEndian",
    "LogLine",
    "Manifest",
    "ManifestError",
    "Memory",
    "MemoryLimitError",
    "MemoryOptions",
    "OutOfFuelError",
    "Pickle",
    "Plugin",
    "Pool",
    "ReentrantError",
    "Report",
    "ReturnCodeError",
    "Run",
    "Spread",
    "Step",
    "TrapError",
    "TypeInferredFunction",
    "UnknownEngineError",
    "UnknownFunctionError",
    "UnsupportedError",
    "Val",
    "ValType",
    "Vars",
    "Wasi",
    "Wasm",
    "bench",
    "compare",
    "engines",
    "extism_version",
    "host_fn",
    "set_log_custom",
    "set_log_file",
]
