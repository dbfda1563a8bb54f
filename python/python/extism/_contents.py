"""The parts of a plug-in: plain values, made in Rust.

`Plugin.exports` and the like have them, `extism.inspect` all of them. What is read is decided there; nothing here
reads a module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ._html import Shown, table
from ._native import Engine

__all__ = ["Export", "Import", "Inspection", "MemoryInfo", "ModuleInfo"]

PAGE = 65536
"""Bytes of a page of WebAssembly memory."""


@dataclass(frozen=True)
class Export:
    """An export of a module."""

    name: str
    """Its name."""

    kind: Literal["function", "global", "memory", "table", "tag"]
    """What it is."""

    signature: str
    """Its type in WebAssembly's text format, such as `(func (result i32))`."""

    callable: bool
    """Whether `Plugin.call` can call it, by its type."""

    module: str
    """The name of its module in the plug-in. A single module is `main`."""


@dataclass(frozen=True)
class Import:
    """An import of a module."""

    module: str
    """The namespace of the import."""

    name: str
    """The name of the import."""

    kind: Literal["function", "global", "memory", "table", "tag"]
    """What it is."""

    signature: str
    """Its type in WebAssembly's text format, such as `(func (param i64) (result i64))`."""

    importer: str
    """The name of the module that imports it. A single module is `main`."""

    provider: Literal["host", "wasi", "module", "function"] | None
    """The provider: the host itself, WASI, another module of the plug-in, or a host function. `None` if the import
    is missing."""

    reason: str | None = None
    """Why the import is missing."""


@dataclass(frozen=True)
class MemoryInfo:
    """The memory of a plug-in, in bytes."""

    initial: int
    """The initial size of the memories of its modules, without the memory that is shared with the host."""

    limit: int | None
    """The limit of all memories together."""

    used: int | None
    """The current size of a live plug-in: the memory that is shared with the host, and those that modules export as
    `memory`. `None` without an instance."""


@dataclass(frozen=True)
class ModuleInfo:
    """The contents of one module."""

    name: str
    """The name by which other modules import it. A single module is `main`."""

    size: int
    """The size of the binary, in bytes."""

    sections: tuple[tuple[str, int], ...]
    """The name and the size of each section, in order. A custom section has its own name."""

    features: tuple[str, ...]
    """The WebAssembly features that it uses, beyond WebAssembly 1.0."""

    imports: tuple[Import, ...]
    """The imports, in order."""

    exports: tuple[Export, ...]
    """The exports, in order."""

    memories: tuple[tuple[int, int | None], ...]
    """The initial and the largest number of pages of 64 KiB of each of its own memories. `None` means no maximum."""


@dataclass(frozen=True)
class Inspection(Shown):
    """The result of `extism.inspect`. Its text is a list."""

    modules: tuple[ModuleInfo, ...]
    """The modules, in the order of the manifest."""

    main: str
    """The name of the main module, whose functions are called."""

    lacking: Mapping[Engine, tuple[str, ...]] = field(repr=False)
    """Each built-in engine with each compiler, and the features that it lacks. An engine that lacks nothing can run
    the plug-in."""

    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports of the main module."""
        return next(module.exports for module in self.modules if module.name == self.main)

    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports of all modules."""
        return tuple(row for module in self.modules for row in module.imports)

    @property
    def features(self) -> tuple[str, ...]:
        """The WebAssembly features that the modules use, beyond WebAssembly 1.0."""
        names = [name for module in self.modules for name in module.features]
        return tuple(dict.fromkeys(names))

    @property
    def missing(self) -> tuple[Import, ...]:
        """The missing imports."""
        return tuple(row for row in self.imports if row.provider is None)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The built-in engines that can run the plug-in."""
        return tuple(engine for engine, lacks in self.lacking.items() if not lacks)

    def to_dict(self) -> dict[str, Any]:
        """Returns all values as dictionaries, lists, numbers and text.

        Returns:
            A dictionary that `json` can write. Sizes are in bytes, memories in pages of 64 KiB.
        """
        return {
            "main": self.main,
            "modules": [asdict(module) for module in self.modules],
            "features": list(self.features),
            "engines": {str(engine): list(lacks) for engine, lacks in self.lacking.items()},
        }

    def __str__(self) -> str:
        lines = []
        for module in self.modules:
            lines.append(f"module {module.name}: {module.size} bytes")
            for title, rows in self._rows(module):
                lines.append(f"  {title}")
                lines.extend(f"    {'  '.join(str(cell) for cell in row)}".rstrip() for row in rows)
        lines.append(f"features: {', '.join(self.features) or 'none'}")
        for engine, lacks in self.lacking.items():
            lines.append(f"{engine}: {'lacks ' + ', '.join(lacks) if lacks else 'can run it'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = []
        for module in self.modules:
            for title, rows in self._rows(module):
                parts.append(table([], rows, f"{module.name}: {title}"))
        engines = ((engine, ", ".join(lacks) or "nothing") for engine, lacks in self.lacking.items())
        parts.append(table(["engine", "lacks"], engines, "engines"))
        return "\n".join(parts)

    @staticmethod
    def _rows(module: ModuleInfo) -> list[tuple[str, list[tuple[object, ...]]]]:
        exports: list[tuple[object, ...]] = [(row.name, row.signature) for row in module.exports]
        imports: list[tuple[object, ...]] = [
            (f"{row.module}::{row.name}", row.signature, row.provider or f"nobody: {row.reason}")
            for row in module.imports
        ]
        memories: list[tuple[object, ...]] = [
            (f"{minimum} pages", "" if most is None else f"at most {most}")
            for minimum, most in module.memories
        ]
        sections: list[tuple[object, ...]] = [(name, f"{size} bytes") for name, size in module.sections]
        all_rows = [("exports", exports), ("imports", imports), ("memories", memories), ("sections", sections)]
        return [(title, rows) for title, rows in all_rows if rows]
