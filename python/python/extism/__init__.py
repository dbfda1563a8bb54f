"""Runs Extism WebAssembly plug-ins on wasmtime, wasmer or wasmi.

>>> import extism
>>> with extism.Plugin(extism.examples.count_vowels(), engine="wasmer") as plugin:
...     plugin.call("count_vowels", "Hello, World!")
b'{"count": 3, "total": 3, "vowels": "aeiouAEIOU"}'

Start with `Plugin`. Further:

- `CompiledPlugin` compiles once for many instances, and a `Pool` lends them. `CompiledPlugin.function` can be pickled
  and mapped on threads, processes and other machines.
- `AsyncPlugin` and `AsyncPool` are for asyncio.
- `host_fn` makes Python functions that plug-ins can call.
- `engines` lists the engines, `compare` runs the same calls on all of them, `bench` measures a call.
- `inspect` lists what a plug-in consists of.

Every failure is an `Error`, each kind with its own subclass.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import typing
from typing import TYPE_CHECKING, Any

from . import _interpreter

_interpreter.refuse_others()
_interpreter.warn_of_the_sdk()

from ._bench import bench
from ._benchmark import Benchmark, Cost, Spread
from ._compare import Difference, LogLine, Report, Run, Step
from ._contents import Export, Import, Inspection, MemoryInfo, ModuleInfo
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
from ._functions import CompiledFunction, TypedFunction
from ._limits import Limits
from ._log import CustomLogger, set_log_custom
from ._manifest import Manifest, ManifestDict, MemoryOptions, Wasm, WasmDict
from ._native import (
    CancelHandle,
    CompiledPlugin,
    CurrentPlugin,
    Engine,
    Function,
    Plugin,
    PluginFunction,
    Pool,
    Wasi,
    cache_folder,
    compare,
    engines,
    extism_version,
    inspect,
    set_log_file,
)
from ._state import Config, Vars
from .codec import Codec, Json, LittleEndian, Pickle
from .host_fn import ExplicitFunction, TypeInferredFunction, host_fn
from .http import HttpRequest, HttpResponse
from .types import Memory, Val, ValType

from . import _logging, _native

# Like `extism` below an attribute of the package, so that `extism.examples.count_vowels()` needs no further import.
from . import examples as examples

# Programs for the Extism Python SDK import from this module, or reach it as an attribute.
from . import extism as extism

if TYPE_CHECKING:
    from ._async import AsyncFunction, AsyncPlugin, AsyncPool

__version__ = extism_version()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork,
        after_in_child=_native.forked,
    )
atexit.register(_native.begin_to_end)
_logging.install()

__all__ = [
    "ArgumentError",
    "AsyncFunction",
    "AsyncPlugin",
    "AsyncPool",
    "Benchmark",
    "CancelHandle",
    "CancelledError",
    "ClosedError",
    "Codec",
    "CompiledFunction",
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
    "Export",
    "Frame",
    "Function",
    "GuestError",
    "HostFunctionError",
    "HttpRequest",
    "HttpResponse",
    "Import",
    "Inspection",
    "InvalidModuleError",
    "Json",
    "Limits",
    "LinkError",
    "LittleEndian",
    "LogLine",
    "Manifest",
    "ManifestDict",
    "ManifestError",
    "Memory",
    "MemoryInfo",
    "MemoryLimitError",
    "MemoryOptions",
    "ModuleInfo",
    "OutOfFuelError",
    "Pickle",
    "Plugin",
    "PluginFunction",
    "Pool",
    "ReentrantError",
    "Report",
    "ReturnCodeError",
    "Run",
    "Spread",
    "Step",
    "TrapError",
    "TypeInferredFunction",
    "TypedFunction",
    "UnknownEngineError",
    "UnknownFunctionError",
    "UnsupportedError",
    "Val",
    "ValType",
    "Vars",
    "Wasi",
    "Wasm",
    "WasmDict",
    "bench",
    "cache_folder",
    "compare",
    "engines",
    "extism_version",
    "host_fn",
    "inspect",
    "set_log_custom",
    "set_log_file",
]

_LAZY = frozenset({"AsyncFunction", "AsyncPlugin", "AsyncPool"})
"""What is imported when it is used first, because it needs asyncio."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from . import _async

        found = getattr(_async, name)
        found.__module__ = __name__
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "TimeoutError", "__version__", "examples"])


def _name_publicly() -> None:
    """Has classes and functions say the name by which they are imported."""
    for name in [*__all__, "TimeoutError"]:
        found = globals().get(name)
        if str(getattr(found, "__module__", "")).startswith("extism."):
            if dataclasses.is_dataclass(found) and isinstance(found, type):
                # Names in annotations are those of the module that the class is written in.
                found.__annotations__ = typing.get_type_hints(found, include_extras=True)
            try:
                setattr(found, "__module__", __name__)
            except (AttributeError, TypeError):
                # What Rust makes says it already.
                pass


_name_publicly()
