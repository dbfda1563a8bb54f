"""The result of `extism.bench`: plain values, as a table, as JSON and as a drawing.

`_bench` measures them. All times are in seconds.
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
"""The parts of a call, in the order of tables and drawings."""

COLOURS = {"entering": "#4c3fb1", "guest": "#0b7a75", "host": "#d08c2f", "copying": "#9aa0a6"}


@dataclass(frozen=True)
class Spread:
    """The rounds of a measurement, in seconds."""

    median: float
    """The median of the rounds."""

    low: float
    """The fastest round."""

    high: float
    """The slowest round."""


@dataclass(frozen=True)
class Cost:
    """The cost of a call on one engine. Times are in seconds. The parts `entering`, `guest`, `host` and `copying` add
    up to `call.median`. `extism.bench` says how they are measured."""

    engine: str
    """The name of the engine, as in `engine=`. A deterministic engine has `, deterministic` behind its name."""

    output: bytes = field(repr=False)
    """The output of the first call."""

    compile: float
    """The duration of compiling the plug-in, or of loading its compiled code."""

    first_call: float
    """The duration of making an instance and of its first call."""

    call: Spread
    """The duration of a call of `Plugin.call`."""

    entering: float
    """The part of a call that does nothing: Python, this package and the engine."""

    guest: float
    """The part of the guest itself: the rest of the call. 0 is below the resolution of the measurement."""

    host: float
    """The part inside host functions, builtins and WASI."""

    copying: float
    """The part that copies the input and the output."""

    host_calls: float
    """The number of calls of host functions, builtins and WASI in one call."""

    calls: int
    """The number of measured calls."""

    compiled: bool = True
    """Whether the plug-in was compiled. If not, `compile` is the time to load code that was there."""


@dataclass(frozen=True)
class Benchmark(Shown):
    """The result of `extism.bench`. Its text is a table in microseconds."""

    function: str
    """The function that was called."""

    input_bytes: int
    """The length of its input, in bytes."""

    costs: tuple[Cost, ...]
    """The cost on each engine that can run the plug-in, in the given order."""

    errors: Mapping[str, Error]
    """The engines that lack a feature of the plug-in, with their errors."""

    @property
    def equal(self) -> bool:
        """Whether the first call had the same output on all engines."""
        return len({cost.output for cost in self.costs}) <= 1

    def to_dict(self) -> dict[str, Any]:
        """Returns all values as dictionaries, lists, numbers and text.

        Returns:
            A dictionary that `json` can write. Times are in seconds. Each output is replaced by its length,
            `output_bytes`.
        """
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
        """Returns `to_dict()` as JSON.

        Returns:
            The text, indented by one space a level.
        """
        return json.dumps(self.to_dict(), indent=1)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws a bar for each engine, in microseconds, with the parts of a call.

        Args:
            path: The file to write. Its suffix chooses the format, such as `.png` or `.svg`.

        Raises:
            ImportError: If the package `matplotlib` is not installed.
            ValueError: If `matplotlib` does not know the format.
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
        if not all(cost.guest for cost in self.costs):
            lines.append("guest 0.00: below the resolution of the measurement; measure for longer (`seconds`)")
        if not all(cost.compiled for cost in self.costs):
            lines.append("* loaded: it was compiled before")
        return "\n".join(lines)


def _micro(seconds: float) -> str:
    """Writes microseconds with the digits that matter."""
    value = 1e6 * seconds
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
