"""The processes that measure: one for each engine of this package, the SDK, and the Python package of
wasmtime, each with the Python environment that it needs."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SDK = "extism==1.1.1"
WASMTIME = "wasmtime==50.0.1"


class Side:
    """A process that measures, and how reports name it."""

    def __init__(self, name: str, python: Path, kind: str, engine: str, cache: Path) -> None:
        self.name = name
        self.engine = engine
        # Whatever keeps compiled code does so in a folder of this run. WASI makes errors inside of calls that
        # succeed, and Rust would note where each of them comes from if the environment asks for that.
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "RUST_BACKTRACE": "0"}
        self.process = subprocess.Popen(
            [python, HERE / "worker.py", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, *request: str) -> Any:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        print(json.dumps(request), file=stdin, flush=True)
        answer = stdout.readline()
        if not answer:
            raise SystemExit(f"{self.name} has ended at {' '.join(request)}; see above")
        return json.loads(answer)

    def prepare(self, case: str) -> bool:
        """Makes a case ready; whether the side has it."""
        return self.ask("prepare", self.engine, case) is not None

    def measure(self) -> float:
        """The figure of one round."""
        return float(self.ask("measure"))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def all_sides(cache: Path) -> list[Side]:
    """The sides in the order of reports: the SDK, the engine alone, then the engines of this package."""
    import extism

    sdk, alone = environment("sdk", SDK), environment("wasmtime", WASMTIME)
    sides = [
        Side("Extism SDK", sdk, "plugins", "", cache),
        Side("wasmtime-py", alone, "alone", "", cache),
    ]
    for engine in extism.engines():
        sides.append(Side(str(engine), Path(sys.executable), "plugins", str(engine), cache))
    return sides


def environment(name: str, package: str) -> Path:
    """The Python of a virtual environment that has a package; it is made if it is not there."""
    folder = HERE / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / package).exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True)
        (folder / package).touch()
    return python
