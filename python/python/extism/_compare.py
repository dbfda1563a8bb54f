"""What `extism.compare` returns: plain values, made in Rust.

What differs, and the report as text, are decided there; nothing here compares anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ._errors import Error
from ._html import Shown, table

_SHOWN = 60
"""How many characters of an outcome a table shows."""


@dataclass(frozen=True)
class LogLine:
    """A line that a plug-in, or a host function on its behalf, has logged."""

    level: str
    """Its level: `trace`, `debug`, `info`, `warn` or `error`."""

    text: str
    """Its text."""


@dataclass(frozen=True)
class Step:
    """What came of one call on one engine."""

    function: str
    """The function that was called."""

    input: bytes = field(repr=False)
    """Its input."""

    output: bytes | None
    """Its output, if it succeeded."""

    error: Error | None
    """How it failed, if it did."""

    log: tuple[LogLine, ...]
    """The log lines of the call, in order."""

    lost_lines: int
    """How many log lines were lost because there were more than 4 MiB."""

    vars: Mapping[str, bytes]
    """The variables after the call."""

    stdout: bytes
    """What was captured of standard output."""

    stderr: bytes
    """What was captured of standard error."""

    memory: int
    """The size of the memories after the call, in bytes: the memory that the plug-in shares with the host,
    and those that its modules export as `memory`. It is not part of the verdict."""

    seconds: float
    """How long the call took; the first one also initialises the plug-in. It is not part of the
    verdict."""


@dataclass(frozen=True)
class Run:
    """What one engine made of the plug-in."""

    engine: str
    """The name of the engine, as `engine=` has it."""

    error: Error | None
    """Why there was no plug-in to call, if so: an `UnsupportedError` if the engine cannot."""

    steps: tuple[Step, ...]
    """What came of each call, in order; empty if there was no plug-in to call."""

    seconds: float
    """How long it took to compile the plug-in and to make an instance, or to fail at that."""


@dataclass(frozen=True)
class Difference:
    """Something that is not the same on all engines."""

    call: int | None
    """The position of the call, from 0; `None` if the plug-in does not start everywhere."""

    function: str | None
    """The function of that call."""

    what: Literal["start", "outcome", "log", "vars", "stdout", "stderr"]
    """What differs; `outcome` is the output or the failure."""

    values: tuple[tuple[str, str], ...]
    """The name of each engine that counts, and what it has, as a text that is cut to where they
    differ."""


@dataclass(frozen=True)
class Report(Shown):
    """What `extism.compare` has found. As text it is a table."""

    runs: tuple[Run, ...]
    """What each engine made of the plug-in, in the order in which they were given."""

    differences: tuple[Difference, ...]
    """What differs; empty if the engines agree."""

    text: str = field(repr=False)
    """The table: no line is longer than 120 characters."""

    @property
    def equal(self) -> bool:
        """Whether the engines agree."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """All values as dictionaries, lists, numbers and text; bytes as text, of UTF-8 with what is none replaced."""
        return {
            "equal": self.equal,
            "runs": [
                {
                    "engine": run.engine,
                    "seconds": run.seconds,
                    "error": _failure(run.error),
                    "steps": [_step(step) for step in run.steps],
                }
                for run in self.runs
            ],
            "differences": [
                {"call": one.call, "function": one.function, "what": one.what, "values": dict(one.values)}
                for one in self.differences
            ],
        }

    def to_json(self) -> str:
        """`to_dict()` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        engines = [run.engine for run in self.runs]
        rows: list[list[str]] = []
        if any(run.error for run in self.runs):
            rows.append(["start", *("works" if run.error is None else run.error.kind for run in self.runs)])
        for call in range(max((len(run.steps) for run in self.runs), default=0)):
            steps = [run.steps[call] if call < len(run.steps) else None for run in self.runs]
            first = next(step for step in steps if step is not None)
            rows.append([f"{first.function}({_short(first.input)})", *map(_outcome, steps)])
        found = table(["call", *engines], rows, "equal" if self.equal else "different")
        for one in self.differences:
            where = "start" if one.call is None else f"call {one.call}, {one.function}"
            found += "\n" + table(["engine", one.what], one.values, f"{where}: {one.what}")
        return found


def _short(value: bytes) -> str:
    text = _text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _outcome(step: Step | None) -> str:
    if step is None:
        return ""
    if step.error is not None:
        return f"{step.error.kind}: {_short(str(step.error).encode())}"
    return _short(step.output or b"")


def _step(step: Step) -> dict[str, Any]:
    return {
        "function": step.function,
        "input": _text(step.input),
        "output": None if step.output is None else _text(step.output),
        "error": _failure(step.error),
        "log": [{"level": line.level, "text": line.text} for line in step.log],
        "lost_lines": step.lost_lines,
        "vars": {key: _text(value) for key, value in step.vars.items()},
        "stdout": _text(step.stdout),
        "stderr": _text(step.stderr),
        "memory": step.memory,
        "seconds": step.seconds,
    }


def _failure(error: Error | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": error.kind, "message": str(error), "code": error.code, "trap": error.trap}


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
