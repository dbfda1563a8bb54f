"""Limits on compiling and on memory: `Limits`.

Names and values are those of `Limits` in Rust.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ._native import default_limits, strict_limits

_DEFAULTS: Final = default_limits()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on compiling and on memory, for `limits=`.

    The defaults admit large programs such as DuckDB, ONNX Runtime and LLVM. Use `Limits.strict()` for untrusted code.
    An error says which limit to raise, and to what. Other limits: `timeout` for the duration of calls, `fuel` for their
    work, the manifest for variables, HTTP responses and pages.
    """

    memory_pages: int = _DEFAULTS["memory_pages"]
    """Pages of 64 KiB that all memories of the plug-in may have together, unless the manifest has `max_pages`.
    Growing beyond fails in the guest; more at the start is a `MemoryLimitError`."""

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
        """Limits for untrusted code. `dataclasses.replace` changes some of them."""
        return cls(**strict_limits())
