"""What modules may cost and plug-ins may have: `Limits`.

Names and values are those of `Limits` in Rust, where they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ._native import default_limits, strict_limits

_DEFAULTS: Final = default_limits()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a plug-in may have, and what its modules may cost to compile, for `limits=`.

    The defaults let through what people really run, DuckDB, ONNX Runtime and LLVM included. `Limits.strict()` is for
    the code of strangers. An error says which limit to raise, and to what. How long calls take is limited by
    `timeout`, how much they do by `fuel`, and variables, HTTP responses and pages by the manifest.
    """

    memory_pages: int = _DEFAULTS["memory_pages"]
    """Pages of 64 KiB that all memories of the plug-in may have together, if `max_pages` of the manifest
    does not say it. Growing beyond fails in the guest; more at the start is a `MemoryLimitError`."""

    table_elements: int = _DEFAULTS["table_elements"]
    """Elements that all tables of the plug-in may have together. What this leaves after the start is
    shared equally by the tables that can grow, and growing beyond fails in the guest; more at the start is an
    `InvalidModuleError`."""

    module_bytes: int = _DEFAULTS["module_bytes"]
    """Bytes of each module. More is an `InvalidModuleError`."""

    compile_cost: int = _DEFAULTS["compile_cost"]
    """How much compiling each module may cost, in percent of what strict limits allow. A small module can cost a
    compiler minutes and gigabytes, so everything that compilers repeat is counted before: functions, types, locals
    times blocks and the like. More is an `InvalidModuleError`."""

    @classmethod
    def strict(cls) -> Limits:
        """Limits for the code of strangers. `dataclasses.replace` changes some of them."""
        return cls(**strict_limits())
