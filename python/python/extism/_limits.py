"""Limits on compiling and on memory: `Limits`.

Names and values are those of `Limits` in Rust.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from ._errors import ArgumentError
from ._native import default_limits, feature_names, shown, strict_limits

_DEFAULTS: Final = default_limits()
_STRICT: Final = strict_limits()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on compiling and on memory, for `limits=`.

    The defaults admit large programs such as DuckDB, ONNX Runtime and LLVM. Use `Limits.strict()` for untrusted code.
    An error says which limit to raise, and to which value. `timeout` and `fuel` limit calls. The manifest limits
    variables, HTTP responses and pages.
    """

    memory_pages: int = _DEFAULTS["memory_pages"]
    """Pages of 64 KiB of all memories of the plug-in together, unless the manifest has `max_pages`. Growing beyond
    the limit fails in the guest. A plug-in that starts with more raises `MemoryLimitError`."""

    heap_pages: int = _DEFAULTS["heap_pages"]
    """Pages of 64 KiB of the heap for objects of guests: structs, arrays and exceptions. The heap is part of
    `memory_pages`. A guest that needs more fails with `MemoryLimitError`."""

    table_elements: int = _DEFAULTS["table_elements"]
    """Elements of all tables of the plug-in together. Tables that can grow share equally what is left after the
    start. Growing beyond the limit fails in the guest. A plug-in that starts with more raises
    `InvalidModuleError`."""

    module_bytes: int = _DEFAULTS["module_bytes"]
    """Bytes of each module. A larger module raises `InvalidModuleError`."""

    compile_cost: int = _DEFAULTS["compile_cost"]
    """The cost of compiling each module, in percent of the strict limit. A small module can cost a compiler minutes
    and gigabytes. So the cost is estimated before, from the number of functions, types, locals, blocks and the like.
    A module that costs more raises `InvalidModuleError`."""

    forbidden: Iterable[str] = frozenset()
    """Names of WebAssembly features that modules must not use, such as `{"simd", "exceptions"}`. `Limits.FEATURES`
    has all names. A module that uses one of them raises `InvalidModuleError`."""

    FEATURES: ClassVar[frozenset[str]] = feature_names()
    """The names of all features after WebAssembly 1.0. Forbidding all of them leaves WebAssembly 1.0."""

    def __post_init__(self) -> None:
        if isinstance(self.forbidden, str):
            raise ArgumentError(f"limits: forbidden: a set of names is expected, found the text {self.forbidden!r}")
        if not isinstance(self.forbidden, Iterable):
            found = type(self.forbidden).__name__
            raise ArgumentError(f"limits: forbidden: a set of names is expected, found a value of type {found}")
        forbidden = frozenset(self.forbidden)
        unknown = [name for name in forbidden if name not in self.FEATURES]
        if unknown:
            known = ", ".join(sorted(self.FEATURES))
            near = difflib.get_close_matches(shown(unknown[0]).strip("'").lower(), sorted(self.FEATURES))
            meant = f"; did you mean {' or '.join(map(repr, near))}? There are" if near else "; there are"
            raise ArgumentError(f"limits: forbidden: unknown feature {shown(unknown[0])}{meant} {known}")
        object.__setattr__(self, "forbidden", forbidden)

    @classmethod
    def strict(
        cls,
        *,
        memory_pages: int = _STRICT["memory_pages"],
        heap_pages: int = _STRICT["heap_pages"],
        table_elements: int = _STRICT["table_elements"],
        module_bytes: int = _STRICT["module_bytes"],
        compile_cost: int = _STRICT["compile_cost"],
        forbidden: Iterable[str] = frozenset(),
    ) -> Limits:
        """Returns the limits for untrusted code.

        Args:
            memory_pages: Pages of 64 KiB of all memories of the plug-in together.
            heap_pages: Pages of 64 KiB of the heap for objects of guests.
            table_elements: Elements of all tables of the plug-in together.
            module_bytes: Bytes of each module.
            compile_cost: The cost of compiling each module, in percent of the strict limit.
            forbidden: Names of WebAssembly features that modules must not use.

        Returns:
            The limits, with the given values in place of the strict ones.

        Raises:
            ArgumentError: If a name in `forbidden` is unknown.
        """
        return cls(
            memory_pages=memory_pages,
            heap_pages=heap_pages,
            table_elements=table_elements,
            module_bytes=module_bytes,
            compile_cost=compile_cost,
            forbidden=forbidden,
        )
