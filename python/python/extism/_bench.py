"""`extism.bench`: the cost of a call on each engine, and its parts.

It measures `Plugin.call` as programs use it. `_benchmark` has the result.

Invariants: nothing slows down the calls whose time is reported: host functions are timed in calls of their own, on
another instance; the engines take turns, so that other work of the machine affects all of them; a call that fails ends
the benchmark with its error; the parts add up to the call.
"""

from __future__ import annotations

import functools
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from ._benchmark import Benchmark, Cost, Spread
from ._errors import ArgumentError, Error, UnsupportedError
from ._manifest import Manifest
from ._native import (
    CompiledPlugin,
    Engine,
    Function,
    Plugin,
    Stopwatch,
    Wasi,
    engines as built_in,
    shown,
    watched,
)
from .http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _Plugin: TypeAlias = str | Buffer | os.PathLike[str] | Manifest | Mapping[str, Any]

ROUNDS = 9
"""The number of turns of each engine."""

PROBE = """
(module
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (func (export "nothing") (result i32) (i32.const 0))
  (func (export "give_back") (result i32)
    (call $output_set (call $input_offset) (call $input_length))
    (i32.const 0)))
"""
"""A guest that does nothing. One function returns nothing, the other one its input."""


def bench(
    plugin: _Plugin,
    function: str,
    data: str | Buffer = b"",
    engines: Iterable[str | Engine] | None = None,
    *,
    wasi: bool | Wasi = False,
    config: Mapping[str, str | None] | None = None,
    functions: Iterable[Function] | None = None,
    timeout: float | None = None,
    seconds: float = 1.0,
    http_client: Callable[[HttpRequest], HttpResponse] | None = None,
    http_response_headers: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Benchmark:
    """Measures the cost of a call on several engines, and how it is spent.

    Each engine gets one instance, which makes the same call again and again. A guest that keeps state keeps it here,
    too. The engines take turns in several rounds. The result is the median of the rounds.

    The parts of a call are measured on the same engine in the same rounds:

    - *entering*: the time of a call that does nothing, without input and output. It is the cost of Python, this
      package and the engine.
    - *copying*: the additional time of that call with an input as long as `data`, and with an output as long as that
      of the function. The time in which a guest reads and writes its own bytes belongs to the guest.
    - *host*: the time inside host functions, builtins and WASI, without the cost of reading the clock. It is measured
      in further calls on an instance of its own. It does not include the way from the guest to the host function and
      back. For Python functions it includes waiting for the GIL.
    - *guest*: the rest of the call. If noise makes the other parts longer than the call, it is 0, below the
      resolution of the measurement, and the other parts are shortened in proportion. So the parts add up to the call.

    Args:
        plugin: A path, text, bytes or a manifest, as for `Plugin`.
        function: The name of the function.
        data: The input.
        engines: The engines, each as in `engine=` of `Plugin`. The default is every built-in engine with every
            compiler. A deterministic engine is measured as such.
        wasi: As for `Plugin`.
        config: As for `Plugin`.
        functions: As for `Plugin`. Every engine calls the same functions.
        timeout: The time limit of each call, in seconds. It is armed in all measured calls.
        seconds: The approximate time for each engine. A call that takes longer than its share is still made in
            every round.
        http_client: As for `Plugin`.
        http_response_headers: As for `Plugin`.
        progress: A callable that is called between measurements, with the number of finished steps and of all steps.

    Returns:
        A `Benchmark`. It includes engines that lack a feature of the plug-in, without costs.

    Raises:
        extism.ArgumentError: If an argument is wrong, or if there is no engine.
        extism.UnknownEngineError: If an engine is not built in.
        extism.Error: If the plug-in cannot be made, or if a call of it fails.
    """
    if not isinstance(seconds, int | float) or not seconds > 0:
        raise ArgumentError(f"seconds is {shown(seconds)}, allowed are numbers above 0")
    chosen = _engines(engines)
    given = _input(data)
    limit: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    listed = None if functions is None else list(functions)
    subjects: dict[str, _Subject] = {}
    errors: dict[str, Error] = {}
    for name, engine in chosen.items():
        stopwatch = Stopwatch()
        start = time.perf_counter()
        try:
            compiled = CompiledPlugin(
                plugin,
                wasi,
                listed,
                engine=engine,
                http_client=http_client,
                http_response_headers=http_response_headers,
            )
        except UnsupportedError as error:
            errors[name] = error
            continue
        took = time.perf_counter() - start
        other = watched(
            plugin,
            stopwatch,
            wasi,
            listed,
            engine=engine,
            http_client=http_client,
            http_response_headers=http_response_headers,
        )
        probe = Plugin(PROBE, engine=engine, functions=[])
        subjects[name] = _subject(
            compiled, took, other, probe, stopwatch, _Call(function, given, config, limit)
        )
    with _no_collection():
        steps: list[Callable[[], None]] = []
        for subject in subjects.values():
            steps.append(functools.partial(subject.calibrate, seconds / ROUNDS))
        for _ in range(ROUNDS):
            steps.extend(subject.round for subject in subjects.values())
        for done, step in enumerate(steps):
            if progress is not None:
                progress(done, len(steps))
            step()
    costs = tuple(subject.cost(name) for name, subject in subjects.items())
    return Benchmark(function, len(given), costs, errors)


@dataclass(frozen=True)
class _Call:
    """The measured call."""

    function: str
    data: bytes
    config: Mapping[str, str | None] | None
    options: Mapping[str, Any]


class _Timed:
    """An action, how often a round runs it, and the seconds of each round."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action
        self.repeats = 1
        self.seconds: list[float] = []

    def calibrate(self, share: float) -> None:
        """Sets `repeats` so that a round takes about `share` seconds."""
        while True:
            once = self.once()
            if once * self.repeats >= share / 4 or once >= share:
                break
            self.repeats *= 4
        self.repeats = max(1, round(share / once))

    def round(self) -> None:
        self.seconds.append(self.once())

    def once(self) -> float:
        """Seconds for one run."""
        action, repeats = self.action, self.repeats
        start = time.perf_counter()
        for _ in repeat(None, repeats):
            action()
        return (time.perf_counter() - start) / repeats

    def median(self) -> float:
        return statistics.median(self.seconds)


class _Subject:
    """The plug-in on one engine, and the probe beside it."""

    def __init__(
        self,
        actions: Mapping[str, Callable[[], object]],
        stopwatch: Stopwatch,
        first: tuple[float, float, bytes],
        compiled: bool,
    ) -> None:
        self.timed = {name: _Timed(action) for name, action in actions.items()}
        self.stopwatch = stopwatch
        self.compile, self.first_call, self.output = first
        self.compiled = compiled
        self.host: list[tuple[float, float]] = []

    def calibrate(self, share: float) -> None:
        # Half of the time is for the call itself, the rest for its parts.
        for name, timed in self.timed.items():
            timed.calibrate(share / 2 if name == "call" else share / 8)

    def round(self) -> None:
        for name, timed in self.timed.items():
            self.stopwatch.take()
            timed.round()
            if name == "watched":
                calls, seconds = self.stopwatch.take()
                self.host.append((calls / timed.repeats, seconds / timed.repeats))

    def cost(self, engine: str) -> Cost:
        median = {name: timed.median() for name, timed in self.timed.items()}
        call = self.timed["call"]
        copying = max(0.0, median["given"] - median["entering"])
        copying += max(0.0, median["returned"] - median["taken"])
        host = statistics.median(seconds for _, seconds in self.host)
        measured = median["entering"] + copying + host
        # Each part is measured in calls of its own, so noise can make them longer than the whole.
        scale = min(1.0, call.median() / measured)
        return Cost(
            engine=engine,
            output=self.output,
            compile=self.compile,
            first_call=self.first_call,
            call=Spread(call.median(), min(call.seconds), max(call.seconds)),
            entering=scale * median["entering"],
            copying=scale * copying,
            host=scale * host,
            guest=max(0.0, call.median() - measured),
            host_calls=statistics.median(calls for calls, _ in self.host),
            calls=call.repeats * ROUNDS,
            compiled=self.compiled,
        )


def _subject(
    compiled: CompiledPlugin,
    took: float,
    other: CompiledPlugin,
    probe: Plugin,
    stopwatch: Stopwatch,
    call: _Call,
) -> _Subject:
    function, data, options = call.function, call.data, call.options
    start = time.perf_counter()
    plugin = Plugin(compiled, config=call.config)
    output = plugin.call(function, data, **options)
    first_call = time.perf_counter() - start
    timed = Plugin(other, config=call.config)
    timed.call(function, data, **options)
    shape = bytes(len(output))
    if bytes(probe.call("give_back", shape, **options)) != shape:
        raise AssertionError("the probe gives something else back")
    actions: dict[str, Callable[[], object]] = {
        "call": lambda: plugin.call(function, data, **options),
        "watched": lambda: timed.call(function, data, **options),
        "entering": lambda: probe.call("nothing", b"", **options),
        "given": lambda: probe.call("nothing", data, **options),
        # An output needs an input here, so `cost` subtracts the time of that input.
        "taken": lambda: probe.call("nothing", shape, **options),
        "returned": lambda: probe.call("give_back", shape, **options),
    }
    return _Subject(actions, stopwatch, (took, first_call, output), compiled.newly_compiled > 0)


def _input(data: str | Buffer) -> bytes:
    """The input as bytes."""
    if isinstance(data, str):
        return data.encode()
    try:
        return bytes(memoryview(data))
    except TypeError:
        found = type(data).__name__
        raise ArgumentError(f"expected a str, bytes or another buffer, found a value of type {found}") from None


def _engines(engines: Iterable[str | Engine] | None) -> dict[str, Engine]:
    """The engines by their names in the result, each once."""
    if isinstance(engines, str):
        raise ArgumentError("engines is a list, found a str")
    if engines is None:
        found = built_in()
    elif not isinstance(engines, Iterable):
        raise ArgumentError(f"engines: expected a list of engines, found a value of type {type(engines).__name__}")
    else:
        found = [e if isinstance(e, Engine) else Engine(e) for e in engines]
    if not found:
        raise ArgumentError("`engines` is empty, at least one is needed")
    return {f"{e}, deterministic" if e.deterministic else str(e): e for e in found}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps the garbage collector from running in the middle of a round."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
