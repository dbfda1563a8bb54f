"""What `extism.compare` returns: plain values, made in Rust.

What differs, and the report as text, are decided there; nothing here compares anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ._errors import Error


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
    """The size of the memories after the call, in bytes: that which the plug-in shares with the host,
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
class Report:
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

    def __str__(self) -> str:
        return self.text
