"""Measures from Python: every engine of this package, the Extism Python SDK, and wasmtime alone.

`make bench` runs it, by the Python that has this package. The others get virtual environments of their
own, because the SDK has the import name of this package, and each side a process. A round measures one
side after the other, so that what else the machine does falls on all of them. Everything is checked
before it is measured. Writes `python.json`, `python.md`, `python.png` and `python.svg`.
"""

import argparse
import contextlib
import subprocess
import tempfile
from pathlib import Path

import machine
from cases import CASES, Case
from report import Figure, Run, markdown, write_json
from sides import HERE, Side, all_sides, environment

MATPLOTLIB = "matplotlib==3.11.2"


def measure(case: Case, sides: list[Side], rounds: int) -> dict[str, Figure]:
    """The rounds of a case, one side after the other in each."""
    able = [side for side in sides if side.prepare(case.name)]
    found: dict[str, list[float]] = {side.name: [] for side in able}
    for _ in range(min(rounds, case.rounds or rounds)):
        for side in able:
            found[side.name].append(side.measure())
    return {name: Figure.of(values) for name, values in found.items()}


def run(names: list[str], rounds: int) -> Run:
    """Measures the cases of these names."""
    described = machine.describe()
    with tempfile.TemporaryDirectory() as cache, contextlib.ExitStack() as stack:
        sides = all_sides(Path(cache))
        for side in sides:
            stack.callback(side.close)
        versions = engines()
        for side in sides[:2]:
            versions.update(side.ask("versions"))
        figures = {}
        for case in CASES:
            if case.name in names:
                print(case.title, flush=True)
                figures[case.name] = measure(case, sides, rounds)
        return Run(described, versions, [side.name for side in sides], figures)


def engines() -> dict[str, str]:
    """The versions of this package and of what is built in."""
    import extism

    own = {"polyextism": extism.extism_version()}
    return own | {f"built-in {engine.name}": engine.version for engine in extism.engines()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [case.name for case in CASES]
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(known)}; all if not given")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of a case (15)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="the folder for results")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.cases) - set(known))
    if unknown:
        parser.error(f"unknown cases {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}, at least 1 is needed")
    found = run(arguments.cases or known, arguments.rounds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "python.json"
    write_json(found, path)
    path.with_suffix(".md").write_text(markdown(found), encoding="utf-8")
    # Drawn by an environment of its own: users of this package need no matplotlib.
    subprocess.run([environment("chart", MATPLOTLIB), HERE / "chart.py", path], check=True)
    print(markdown(found))
    print(f"in {arguments.out}: python.json, python.md, python.png, python.svg")


if __name__ == "__main__":
    main()
