"""The result of `extism.compare`: plain values, made in Rust.

Rust also finds the differences and writes the table. Nothing here compares anything.
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
    """A log line of a plug-in, or of a host function for it."""

    level: str
    """Its level: `trace`, `debug`, `info`, `warn` or `error`."""

    text: str
    """Its text."""


@dataclass(frozen=True)
class Step:
    """The result of one call on one engine."""

    function: str
    """The function that was called."""

    input: bytes = field(repr=False)
    """Its input."""

    output: bytes | None
    """Its output, if it succeeded."""

    error: Error | None
    """The failure, if it failed."""

    log: tuple[LogLine, ...]
    """The log lines of the call, in order."""

    lost_lines: int
    """The number of log lines that were dropped beyond 4 MiB."""

    vars: Mapping[str, bytes]
    """The variables after the call."""

    stdout: bytes
    """The captured standard output."""

    stderr: bytes
    """The captured standard error."""

    memory: int
    """The size of the memories after the call, in bytes: the memory that is shared with the host, and those that
    modules export as `memory`. It is not compared."""

    seconds: float
    """The duration of the call. The first call includes initialisation. It is not compared."""


@dataclass(frozen=True)
class Run:
    """The results of one engine."""

    engine: str
    """The name of the engine, as in `engine=`."""

    error: Error | None
    """The failure, if the plug-in could not be made. It is an `UnsupportedError` if the engine lacks a feature."""

    steps: tuple[Step, ...]
    """The result of each call, in order. Empty if the plug-in could not be made."""

    seconds: float
    """The duration of compiling the plug-in and making an instance."""


@dataclass(frozen=True)
class Difference:
    """A difference between engines."""

    call: int | None
    """The position of the call, from 0. `None` if the plug-in does not start on every engine."""

    function: str | None
    """The function of that call."""

    what: Literal["start", "outcome", "log", "vars", "stdout", "stderr"]
    """What differs. `outcome` is the output or the failure."""

    values: tuple[tuple[str, str], ...]
    """Each compared engine and its value, as text that is shortened to the difference."""


@dataclass(frozen=True)
class Report(Shown):
    """The result of `extism.compare`. Its text is a table."""

    runs: tuple[Run, ...]
    """The results of each engine, in the given order."""

    differences: tuple[Difference, ...]
    """The differences. Empty if the engines agree, or if no call ran."""

    text: str = field(repr=False)
    """The table, with lines of at most 120 characters."""

    verdict: Literal["equal", "different", "not run"]
    """What the comparison has shown. `not run` means that no engine could make the plug-in, all for the same reason,
    which is in `runs[0].error`: no call ran."""

    @property
    def equal(self) -> bool:
        """Whether calls ran and the engines agree."""
        return self.verdict == "equal"

    def to_dict(self) -> dict[str, Any]:
        """Returns all values as dictionaries, lists, numbers and text.

        Returns:
            A dictionary that `json` can write. Bytes become text; invalid UTF-8 is replaced. Times are in seconds,
            memory is in bytes.
        """
        return {
            "equal": self.equal,
            "verdict": self.verdict,
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
        """Returns `to_dict()` as JSON.

        Returns:
            The text, indented by one space a level.
        """
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
        found = table(["call", *engines], rows, self.verdict)
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
