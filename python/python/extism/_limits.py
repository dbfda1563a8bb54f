"""Limits on compiling and on memory: `Limits`.

Names and values are those of `Limits` in Rust.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from ._errors import ArgumentError
from ._native import default_limits, feature_names, strict_limits

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

    heap_pages: int = _DEFAULTS["heap_pages"]
    """Pages of 64 KiB that the heap may have on which an engine keeps objects of guests: structs, arrays and
    exceptions. They are part of `memory_pages`. A guest that has more objects fails with a `MemoryLimitError`."""

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

    forbidden: Iterable[str] = frozenset()
    """WebAssembly features that modules must not use, whatever the engine has, by name: `{"simd", "exceptions"}`.
    `Limits.FEATURES` has all names. A module that uses one is an `InvalidModuleError` that names it."""

    FEATURES: ClassVar[frozenset[str]] = feature_names()
    """The names of all features after WebAssembly 1.0. Forbidding all of them leaves WebAssembly 1.0."""

    def __post_init__(self) -> None:
        if isinstance(self.forbidden, str):
            raise ArgumentError(f"limits: forbidden: a set of names is expected, found the text {self.forbidden!r}")
        forbidden = frozenset(self.forbidden)
        unknown = [name for name in forbidden if name not in self.FEATURES]
        if unknown:
            known = ", ".join(sorted(self.FEATURES))
            raise ArgumentError(f"limits: forbidden: unknown feature {unknown[0]!r}; there are {known}")
        object.__setattr__(self, "forbidden", forbidden)

    @classmethod
    def strict(cls) -> Limits:
        """Limits for untrusted code. `dataclasses.replace` changes some of them."""
        strict = strict_limits()
        return cls(
            memory_pages=strict["memory_pages"],
            heap_pages=strict["heap_pages"],
            table_elements=strict["table_elements"],
            module_bytes=strict["module_bytes"],
            compile_cost=strict["compile_cost"],
        )
