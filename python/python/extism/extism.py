"""The module path `extism.extism`, from which programs for the Extism Python SDK import.

There is nothing of its own here: each name is that of the package.
"""

from ._errors import Error
from ._log import CustomLogger, set_log_custom
from ._native import (
    CancelHandle,
    CompiledPlugin,
    CurrentPlugin,
    Function,
    Memory,
    Plugin,
    Val,
    extism_version,
    set_log_file,
)
from .codec import Codec, Json, Pickle
from .host_fn import HOST_FN_REGISTRY, ExplicitFunction, TypeInferredFunction, host_fn
from .types import ValType

__all__ = [
    "CancelHandle",
    "Codec",
    "CompiledPlugin",
    "CurrentPlugin",
    "CustomLogger",
    "Error",
    "ExplicitFunction",
    "Function",
    "HOST_FN_REGISTRY",
    "Json",
    "Memory",
    "Pickle",
    "Plugin",
    "TypeInferredFunction",
    "Val",
    "ValType",
    "extism_version",
    "host_fn",
    "set_log_custom",
    "set_log_file",
]
