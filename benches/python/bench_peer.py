"""Ratios against the Extism Python SDK, from Python: the same calls, in turns, in one run.

Run it by the Python that has this package: `.venv/bin/python benches/python/bench_peer.py`. It makes a
virtual environment for the SDK beside itself, and a process for each side; a round measures every
engine and the SDK one after the other, so that what else the machine does falls on all of them.
Every case is checked before it is measured. The table has medians of the rounds.
"""

import json
import platform
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEER = HERE / ".venv-peer"
SDK = "extism==1.1.1"
ROUNDS = 15
GUEST = HERE.parent / "src/guest.wat"


def worker() -> None:
    """Measures one case after the other, as the lines of its input say."""
    import time

    import extism

    @extism.host_fn(signature=([extism.ValType.I64], [extism.ValType.I64]))
    def increment(plugin, params, results):
        results[0].value = params[0].value + 1

    guest = GUEST.read_text(encoding="utf-8")
    plugins = {}
    for line in sys.stdin:
        engine, case, repeats = json.loads(line)
        if engine not in plugins:
            options = {} if engine == "sdk" else {"engine": engine}
            plugins[engine] = extism.Plugin(guest, **options)
        call = plugins[engine].call
        if case == "noop":
            name, data, expected, units = "noop", b"", b"", 1
        elif case == "host":
            name, data, expected, units = "host", b"", (1000).to_bytes(8, "little"), 1000
        else:
            data = bytes(int(case))
            name, expected, units = "echo", data, 1
        assert call(name, data) == expected, (engine, case)
        start = time.perf_counter_ns()
        for _ in range(repeats):
            call(name, data)
        took = (time.perf_counter_ns() - start) / repeats / units / 1000
        print(json.dumps(took), flush=True)


#: Title, case, repeats in a round.
CASES = [
    ("no-op call", "noop", 5000),
    ("host function i64 -> i64", "host", 10),
    ("echo 64 B", str(64), 3000),
    ("echo 64 KiB", str(64 << 10), 60),
    ("echo 1 MiB", str(1 << 20), 5),
]


class Side:
    """A process that measures."""

    def __init__(self, python: Path) -> None:
        self.process = subprocess.Popen(
            [python, __file__, "worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, engine: str, case: str, repeats: int) -> float:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        print(json.dumps([engine, case, repeats]), file=stdin, flush=True)
        return float(json.loads(stdout.readline()))


def main() -> None:
    import extism

    python = PEER / "bin" / "python"
    if not python.exists():
        venv.create(PEER, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", SDK], check=True)
    engines = [f"{e.name}:{compiler}" for e in extism.engines() for compiler in e.compilers]
    own, peer = Side(Path(sys.executable)), Side(python)
    print(f"polyextism {extism.extism_version()} and {SDK}, Python {platform.python_version()}, "
          f"{platform.machine()}; medians of {ROUNDS} rounds, microseconds (how many times faster)\n")
    print("| case | SDK | " + " | ".join(engines) + " |")
    print("|---" * (len(engines) + 2) + "|")
    for title, case, repeats in CASES:
        times: dict[str, list[float]] = {name: [] for name in ["sdk", *engines]}
        for _ in range(ROUNDS):
            times["sdk"].append(peer.measure("sdk", case, repeats))
            for engine in engines:
                times[engine].append(own.measure(engine, case, repeats))
        medians = {name: statistics.median(rounds) for name, rounds in times.items()}
        cells = [f"{medians['sdk']:.2f}"]
        cells += [f"{medians[e]:.2f} ({medians['sdk'] / medians[e]:.1f})" for e in engines]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        main()
