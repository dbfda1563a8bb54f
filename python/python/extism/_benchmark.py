"""What `extism.bench` returns: plain values, as a table, as JSON, and drawn.

How they are measured is `_bench`'s. All times are seconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ._errors import Error
from ._html import Shown, table

PARTS = ("entering", "guest", "host", "copying")
"""What a call is spent on, in the order of tables and drawings."""

COLOURS = {"entering": "#4c3fb1", "guest": "#0b7a75", "host": "#d08c2f", "copying": "#9aa0a6"}


@dataclass(frozen=True)
class Spread:
    """What the rounds of a measurement have shown, in seconds."""

    median: float
    """The median of the rounds."""

    low: float
    """The fastest round."""

    high: float
    """The slowest round."""


@dataclass(frozen=True)
class Cost:
    """What a call costs on one engine, in seconds. `extism.bench` says how the parts are measured."""

    engine: str
    """The name of the engine, as `engine=` has it; `, deterministic` follows if it is that."""

    output: bytes = field(repr=False)
    """The output of the first call."""

    compile: float
    """How long it took to compile the plug-in, or to find it compiled."""

    first_call: float
    """How long it took to make an instance and to call it for the first time."""

    call: Spread
    """A call of `Plugin.call`."""

    entering: float
    """The part of a call that a guest takes which does nothing."""

    guest: float
    """The part that is left for the guest itself."""

    host: float
    """The part inside of host functions, builtins and WASI."""

    copying: float
    """The part for input and output to get in and out."""

    host_calls: float
    """How many host functions, builtins and functions of WASI one call calls."""

    calls: int
    """How many calls were measured."""

    compiled: bool = True
    """Whether `compile` is the time to compile it; if not, all code was there and was loaded."""


@dataclass(frozen=True)
class Benchmark(Shown):
    """What `extism.bench` has found. As text it is a table."""

    function: str
    """The function that was called."""

    input_bytes: int
    """The length of its input."""

    costs: tuple[Cost, ...]
    """What a call costs on each engine that can run the plug-in, in the order in which they were given."""

    errors: Mapping[str, Error]
    """Why there are no costs of an engine: it has not what the plug-in needs."""

    @property
    def equal(self) -> bool:
        """Whether the first call had the same output on all engines."""
        return len({cost.output for cost in self.costs}) <= 1

    def to_dict(self) -> dict[str, Any]:
        """All values as dictionaries, lists, numbers and text: times are seconds, and of outputs there is
        the length only."""
        costs = []
        for cost in self.costs:
            values = asdict(cost)
            values["output_bytes"] = len(values.pop("output"))
            costs.append(values)
        return {
            "function": self.function,
            "input_bytes": self.input_bytes,
            "equal": self.equal,
            "costs": costs,
            "errors": {engine: str(error) for engine, error in self.errors.items()},
        }

    def to_json(self) -> str:
        """`to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws the parts of a call on each engine, as a bar for each.

        Args:
            path: The file that is written; its suffix says the format, such as `.png` or `.svg`.

        Raises:
            ImportError: If the package `matplotlib` is not installed.
            ValueError: If it does not know the format.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as missing:
            message = "Benchmark.plot needs the package matplotlib: pip install matplotlib"
            raise ImportError(message, name="matplotlib") from missing
        figure = Figure(figsize=(8, 1.4 + 0.45 * len(self.costs)), layout="constrained")
        axes = figure.subplots()
        engines = [cost.engine for cost in self.costs]
        left = [0.0] * len(engines)
        for part in PARTS:
            widths = [1e6 * getattr(cost, part) for cost in self.costs]
            axes.barh(engines, widths, left=left, label=part, color=COLOURS[part])
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set_xlabel("microseconds for a call")
        axes.set_title(f"{self.function}, {self.input_bytes} bytes")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=len(PARTS), frameon=False)
        figure.savefig(path)

    def _repr_html_(self) -> str:
        head = ("engine", "call", "low", "high", *PARTS, "host calls", "compile", "first call")
        rows = []
        for cost in self.costs:
            spread = cost.call
            times = (spread.median, spread.low, spread.high, *(getattr(cost, part) for part in PARTS))
            load = f"{_micro(cost.compile)}{'' if cost.compiled else ' (loaded)'}"
            rows.append((cost.engine, *map(_micro, times), f"{cost.host_calls:.1f}", load, _micro(cost.first_call)))
        caption = f"{self.function}, {self.input_bytes} bytes of input; microseconds for a call"
        return table(head, rows, caption)

    def __str__(self) -> str:
        lines = [f"`{self.function}`, {self.input_bytes} bytes of input; microseconds for a call"]
        if not self.equal:
            lines.append("the outputs of the engines differ: see extism.compare")
        width = max(len(name) for name in [*self.errors, *(c.engine for c in self.costs)])
        head = ("call", "low", "high", *PARTS, "host calls", "compile", "first call")
        columns = [max(9, len(name)) for name in head]
        names = [f"{name:>{size}}" for name, size in zip(head, columns, strict=True)]
        lines.append(" ".join([" " * width, *names]))
        for cost in self.costs:
            spread = cost.call
            seconds = [spread.median, spread.low, spread.high]
            seconds += [getattr(cost, part) for part in PARTS]
            cells = [_micro(value) for value in seconds]
            load = _micro(cost.compile) + ("" if cost.compiled else "*")
            cells += [f"{cost.host_calls:.1f}", load, _micro(cost.first_call)]
            cells = [f"{cell:>{size}}" for cell, size in zip(cells, columns, strict=True)]
            lines.append(" ".join([f"{cost.engine:<{width}}", *cells]))
        for engine, error in self.errors.items():
            lines.append(f"{engine:<{width}} {error}")
        if not all(cost.compiled for cost in self.costs):
            lines.append("* loaded: it was compiled before")
        return "\n".join(lines)


def _micro(seconds: float) -> str:
    """Microseconds, with digits that mean something."""
    value = 1e6 * seconds
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
