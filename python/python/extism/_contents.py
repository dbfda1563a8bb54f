"""What a plug-in consists of: plain values, made in Rust.

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
    """Something that a module exports."""

    name: str
    """Its name."""

    kind: Literal["function", "global", "memory", "table", "tag"]
    """What it is."""

    signature: str
    """Its type in WebAssembly's text format, such as `(func (result i32))`."""

    callable: bool
    """Whether it has the type of a function that `Plugin.call` calls."""

    module: str
    """The name of its module in the plug-in; a single one is `main`."""


@dataclass(frozen=True)
class Import:
    """Something that a module imports."""

    module: str
    """The namespace that it is imported from."""

    name: str
    """Its name there."""

    kind: Literal["function", "global", "memory", "table", "tag"]
    """What it is."""

    signature: str
    """Its type in WebAssembly's text format, such as `(func (param i64) (result i64))`."""

    importer: str
    """The name of the module that imports it; a single one is `main`."""

    provider: Literal["host", "wasi", "module", "function"] | None
    """Who provides it: the host itself, WASI, another module of the plug-in, or a host function; `None` if
    nobody does."""

    reason: str | None = None
    """Why nobody provides it."""


@dataclass(frozen=True)
class MemoryInfo:
    """How much memory a plug-in has, in bytes."""

    initial: int
    """What its modules have at the start, without the memory that it shares with the host."""

    limit: int | None
    """What all memories may have together."""

    used: int | None
    """What a live plug-in has now: the memory that it shares with the host, and those that its modules export as
    `memory`. `None` if it is not live."""


@dataclass(frozen=True)
class ModuleInfo:
    """What one module consists of."""

    name: str
    """The name by which other modules import it; a single one is `main`."""

    size: int
    """The bytes of the binary."""

    sections: tuple[tuple[str, int], ...]
    """Each section with its bytes, in order; custom ones by their names."""

    features: tuple[str, ...]
    """The WebAssembly features that it uses beyond the first version."""

    imports: tuple[Import, ...]
    """What it imports, in order."""

    exports: tuple[Export, ...]
    """What it exports, in order."""

    memories: tuple[tuple[int, int | None], ...]
    """The pages of 64 KiB that each of its own memories has at the start, and at most."""


@dataclass(frozen=True)
class Inspection(Shown):
    """What `extism.inspect` has found. As text it is a list."""

    modules: tuple[ModuleInfo, ...]
    """The modules, in the order of the manifest."""

    main: str
    """The name of the main module, whose functions are called."""

    lacking: Mapping[Engine, tuple[str, ...]] = field(repr=False)
    """Each engine that is built in, with each compiler, and the features that it lacks: it can run the plug-in if it
    lacks none."""

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
        """The WebAssembly features that the modules use beyond the first version."""
        names = [name for module in self.modules for name in module.features]
        return tuple(dict.fromkeys(names))

    @property
    def missing(self) -> tuple[Import, ...]:
        """The imports that nobody provides."""
        return tuple(row for row in self.imports if row.provider is None)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines that are built in and can run it."""
        return tuple(engine for engine, lacks in self.lacking.items() if not lacks)

    def to_dict(self) -> dict[str, Any]:
        """All values as dictionaries, lists, numbers and text."""
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
