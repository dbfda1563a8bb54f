"""A real plug-in on every engine that is built in.

The plug-in was built with the official AssemblyScript PDK (sources in tests/guests/assemblyscript).
It counts the vowels of a text: the licence of this project. Run by `make demo`.
"""

import json
import time
from pathlib import Path

import extism

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "tests/guests/assemblyscript/as_pdk.wasm"
FAILING = ROOT / "tests/guests/c/c_zig_freestanding.wasm"
TEXT = (ROOT / "LICENSE").read_text(encoding="ascii")
CALLS = 200


@extism.host_fn(signature=([extism.ValType.I64], [extism.ValType.I64]))
def hello_world(plugin, params, results):
    """What the plug-in imports as `hello_world`: text in, text out."""
    plugin.return_string(results[0], plugin.input_string(params[0]).upper())


def microseconds(start: float, calls: int = 1) -> str:
    return f"{(time.perf_counter() - start) / calls * 1e6:,.1f}"


def run(engine: str) -> list[str]:
    """Runs the plug-in on one engine and returns a row of the table."""
    start = time.perf_counter()
    with extism.Plugin(PLUGIN, config={"vowels": "aeiouyAEIOUY"}, engine=engine) as plugin:
        ready = f"{(time.perf_counter() - start) * 1e3:,.1f}"
        start = time.perf_counter()
        first = json.loads(plugin.call("count_vowels", TEXT))
        first_call, last = microseconds(start), first
        start = time.perf_counter()
        for _ in range(CALLS):
            last = json.loads(plugin.call("count_vowels", TEXT))
        later_calls = microseconds(start, CALLS)
        # The plug-in adds up its counts in a variable that lives as long as the plug-in does.
        assert last["total"] == first["count"] * (CALLS + 1)
        greeting = plugin.call("call_host", "hello from the guest").decode()
        start = time.perf_counter()
        for _ in range(CALLS):
            assert plugin.call("echo", "ping") == b"ping"
        echo = microseconds(start, CALLS)
    return [engine, str(first["count"]), greeting, ready, first_call, later_calls, echo]


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_error(what: str, engines: list[str], action) -> None:
    """Shows the error of an action, and that it is the same one on every engine."""
    errors = set()
    for engine in engines:
        try:
            action(engine)
        except extism.Error as error:
            errors.add((type(error).__name__, str(error).replace(f"`{engine}`", "`ENGINE`")))
        else:
            raise AssertionError(f"{what}: no error on {engine}")
    assert len(errors) == 1, errors
    [(kind, message)] = errors
    print(f"{what}\n  {kind}: {message}")


def call(function: str):
    def action(engine: str) -> None:
        with extism.Plugin(FAILING, engine=engine) as plugin:
            plugin.call(function)

    return action


def load(plugin):
    return lambda engine: extism.Plugin(plugin, engine=engine)


def main() -> None:
    engines = [str(engine) for engine in extism.engines()]
    print(f"polyextism {extism.extism_version()} with the engines {', '.join(engines)}\n")
    print(f"count_vowels on {len(TEXT):,} characters, and two shorter calls:\n")
    head = ["engine", "vowels", "host function", "ready ms", "first us", "later us", "echo us"]
    table(head, [run(engine) for engine in engines])

    print("\nErrors of each family, the same on every engine:\n")
    show_error("The guest fails, with a text of its own:", engines, call("fail"))
    show_error("It traps:", engines, call("trap"))
    show_error("The input is wrong:", engines, call("fial"))
    show_error("The plug-in is wrong:", engines, load('(module (import "a" "b" (func)))'))
    show_error("The engine cannot:", engines, load("(module (memory 1 1 shared))"))


if __name__ == "__main__":
    main()
