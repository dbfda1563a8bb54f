"""Runs Extism WebAssembly plug-ins on the engine of your choice.

>>> import extism
>>> with extism.Plugin("count_vowels.wasm", engine="wasmer") as plugin:
...     plugin.call("count_vowels", "Hello, World!")

`Plugin` is what most programs need, and `CompiledPlugin` makes many of one; `host_fn` makes Python
functions that plug-ins can call; `engines` lists the engines that are built in; every failure is an
`Error`, of its own subclass.
"""

from ._errors import (
    ArgumentError,
    CancelledError,
    ClosedError,
    EngineError,
    Error,
    ExitError,
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
from ._log import CustomLogger, set_log_custom
from ._native import (
    CompiledPlugin,
    CurrentPlugin,
    Engine,
    Function,
    Plugin,
    Wasi,
    engines,
    extism_version,
    set_log_file,
)
from .codec import Codec, Json, LittleEndian, Pickle
from .host_fn import host_fn
from .types import Memory, Val, ValType

# Programs for the Extism Python SDK import from this module, or reach it as an attribute.
from . import extism as extism

__version__ = extism_version()

__all__ = [
    "ArgumentError",
    "CancelledError",
    "ClosedError",
    "Codec",
    "CompiledPlugin",
    "CurrentPlugin",
    "CustomLogger",
    "Engine",
    "EngineError",
    "Error",
    "ExitError",
    "Function",
    "GuestError",
    "HostFunctionError",
    "InvalidModuleError",
    "Json",
    "LinkError",
    "LittleEndian",
    "ManifestError",
    "Memory",
    "MemoryLimitError",
    "OutOfFuelError",
    "Pickle",
    "Plugin",
    "ReentrantError",
    "ReturnCodeError",
    "TrapError",
    "UnknownEngineError",
    "UnknownFunctionError",
    "UnsupportedError",
    "Val",
    "ValType",
    "Wasi",
    "engines",
    "extism_version",
    "host_fn",
    "set_log_custom",
    "set_log_file",
]
