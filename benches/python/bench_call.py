"""What a call costs from Python, by engine. Run by `make bench`.

Every case is checked before it is measured. The rounds of the engines are interleaved, so that what
else the machine does falls on all of them; the table has medians and the spread of the rounds.
"""

import platform
import statistics
import time
from pathlib import Path

import extism

GUEST = (Path(__file__).resolve().parent.parent / "src/guest.wat").read_text(encoding="utf-8")
ROUNDS = 15


@extism.host_fn(signature=([extism.ValType.I64], [extism.ValType.I64]))
def increment(plugin, params, results):
    results[0].value = params[0].value + 1


def engines():
    for engine in extism.engines():
        for compiler in engine.compilers:
            yield f"{engine.name}:{compiler}"


def noop(plugin):
    call = plugin.call
    assert call("noop", b"") == b""
    return lambda: call("noop", b""), 20_000, 1


def deadline(plugin):
    call = plugin.call
    assert call("noop", b"", timeout=3600) == b""
    return lambda: call("noop", b"", timeout=3600), 20_000, 1


def host(plugin):
    """A thousand host function calls in one call; the cost is that of one of them."""
    call = plugin.call
    assert int.from_bytes(call("host", b""), "little") == 1000
    return lambda: call("host", b""), 20, 1000


def echo(size):
    def case(plugin):
        call = plugin.call
        data = bytes(size)
        assert call("echo", data) == data
        return lambda: call("echo", data), max(5, 4_000_000 // (size + 1000)), 1

    return case


CASES = {
    "no-op call": noop,
    "no-op call with a deadline": deadline,
    "host function i64 -> i64": host,
    "echo 64 B": echo(64),
    "echo 64 KiB": echo(64 << 10),
    "echo 1 MiB": echo(1 << 20),
}


def measure(action, repeats, units):
    start = time.perf_counter_ns()
    for _ in range(repeats):
        action()
    return (time.perf_counter_ns() - start) / repeats / units / 1000


def main():
    print(f"polyextism {extism.extism_version()}, Python {platform.python_version()}, "
          f"{platform.machine()}; medians of {ROUNDS} rounds in microseconds\n")
    plugins = {name: extism.Plugin(GUEST, engine=name) for name in engines()}
    print("| case | " + " | ".join(plugins) + " |")
    print("|---" * (len(plugins) + 1) + "|")
    for title, case in CASES.items():
        actions = {name: case(plugin) for name, plugin in plugins.items()}
        times = {name: [] for name in plugins}
        for _ in range(ROUNDS):
            for name, action in actions.items():
                times[name].append(measure(*action))
        cells = [
            f"{statistics.median(rounds):.3f} ({min(rounds):.3f}-{max(rounds):.3f})"
            for rounds in times.values()
        ]
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
