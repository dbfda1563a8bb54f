"""The cases on plug-ins: the same calls for this package and for the SDK, which share an interface."""

import itertools
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import extism
from actions import Action, Missing, Sized, Threaded, Timed, check
from cases import BYTES, C, CALLS, SQLITE, VOWELS, Guest, unique

HOUR = 3600
MAX_PAGES = 2048
"""The bound on the memories of each plug-in: 128 MiB."""

I64 = extism.ValType.I64
#: Whether this is not the SDK.
OWN = hasattr(extism, "engines")
# The SDK does not export it from its package.
Compiled = extism.CompiledPlugin if OWN else extism.extism.CompiledPlugin


@extism.host_fn(name="increment", signature=([I64], [I64]))
def increment(plugin, params, results):
    results[0].value = params[0].value + 1


@extism.host_fn(name="turn_around", signature=([I64], [I64]))
def turn_around(plugin, params, results):
    plugin.return_bytes(results[0], plugin.input_bytes(params[0])[::-1])


@extism.host_fn(name="hello_world", signature=([I64], [I64]))
def hello_world(plugin, params, results):
    plugin.return_bytes(results[0], plugin.input_bytes(params[0]))


FUNCTIONS = [increment, turn_around, hello_world]


class Plugins:
    """One engine of this package, or the SDK."""

    def __init__(self, engine: str) -> None:
        self.options = {"engine": engine} if OWN else {}
        self.numbers = itertools.count()

    def action(self, case: str) -> Action:
        """What the case does.

        Raises:
            Missing: If this side has nothing for it.
        """
        if case.startswith("echo-"):
            return self.echo(int(case.removeprefix("echo-")))
        if case.startswith("guest-"):
            return self.guest(Guest.of(case.removeprefix("guest-")))
        made: Action = getattr(self, case.replace("-", "_"))()
        return made

    def plugin(self, guest: Path, functions: list[Any] = FUNCTIONS) -> Any:
        data = manifest(guest.read_bytes())
        return extism.Plugin(data, functions=functions, **self.options)

    def noop(self) -> Action:
        call = self.plugin(CALLS).call
        check(call("noop", b""), b"", "noop")
        return Timed(lambda: call("noop", b""))

    def noop_deadline(self) -> Action:
        if not OWN:
            data = manifest(CALLS.read_bytes(), timeout_ms=1000 * HOUR)
            call = extism.Plugin(data, functions=FUNCTIONS).call
            return Timed(lambda: call("noop", b""))
        call = self.plugin(CALLS).call
        check(call("noop", b"", timeout=HOUR), b"", "noop")
        return Timed(lambda: call("noop", b"", timeout=HOUR))

    def host(self) -> Action:
        """A thousand calls of a host function in one call."""
        return counted(self.plugin(CALLS).call)

    def host_annotated(self) -> Action:
        if not OWN:
            # What its annotated functions take and return goes through memory.
            raise Missing

        def increment(n: int) -> int:
            return n + 1

        annotated = extism.host_fn()(increment)
        return counted(self.plugin(CALLS, functions=[annotated, turn_around]).call)

    def echo(self, size: int) -> Action:
        call = self.plugin(BYTES).call
        data = (bytes(range(251)) * (size // 251 + 1))[:size]
        check(call("echo", data), data, f"echo {size}")
        return Timed(lambda: call("echo", data))

    def guest(self, guest: Guest) -> Action:
        """A guest that computes, with a time limit."""
        module = guest.module.read_bytes()
        if OWN:
            limit, options = {"timeout": HOUR}, self.options
            data = manifest(module)
        else:
            limit, options = {}, {}
            data = manifest(module, timeout_ms=1000 * HOUR)
        try:
            call = extism.Plugin(data, wasi=guest.wasi, functions=FUNCTIONS, **options).call
        except extism.Error as error:
            # Some compilers have no SIMD.
            if OWN and isinstance(error, extism.UnsupportedError):
                raise Missing from error
            raise
        guest.check(call(guest.function, guest.input, **limit))
        return Timed(lambda: call(guest.function, guest.input, **limit))

    def count_vowels(self) -> Action:
        return Timed(vowels(self.plugin(C).call, 73))

    def threads(self) -> Action:
        runs = (vowels(self.plugin(C).call, 4681), vowels(self.plugin(C).call, 4681))
        return Threaded(runs)

    def first_call(self) -> Action:
        compiled = Compiled(manifest(SQLITE.read_bytes()), wasi=True, **self.options)
        version(extism.Plugin(compiled))
        return Timed(lambda: version(extism.Plugin(compiled)))

    def memory(self) -> Action:
        compiled = Compiled(manifest(SQLITE.read_bytes()), wasi=True, **self.options)
        return Sized(lambda: version(extism.Plugin(compiled)), [])

    def load_warm(self) -> Action:
        module = SQLITE.read_bytes()
        version(self.load(module))
        return Timed(lambda: version(self.load(module)))

    def load_cold(self) -> Action:
        module = SQLITE.read_bytes()
        return Timed(lambda: version(self.load(unique(module, next(self.numbers)))))

    def load(self, module: bytes) -> Any:
        return extism.Plugin(module, wasi=True, **self.options)


def manifest(module: bytes, **further: Any) -> Any:
    return {
        "wasm": [{"data": module if OWN else b64encode(module).decode()}],
        "memory": {"max_pages": MAX_PAGES},
        **further,
    }


def counted(call: Any) -> Action:
    check(int.from_bytes(call("host", b""), "little"), 1000, "host")
    return Timed(lambda: call("host", b""), units=1000)


def vowels(call: Any, repeats: int) -> Any:
    data = VOWELS * repeats
    check(json.loads(call("count_vowels", data))["count"], 3 * repeats, "count_vowels")
    return lambda: call("count_vowels", data)


def version(plugin: Any) -> Any:
    """The first call; returns the plug-in."""
    output = plugin.call("version", b"")
    if not bytes(output).startswith(b"3."):
        raise AssertionError(f"the version of SQLite is {output!r}")
    return plugin
