"""What is measured from Python, as data, and the guests.

A side that cannot run a case (the engine alone has no pool, the SDK has no annotated numbers) leaves it
out; the report shows a gap.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parent.parent
TESTS = BENCHES.parent / "tests"

CALLS = BENCHES / "guests/calls.wat"
BYTES = BENCHES / "guests/bytes.wat"
C = TESTS / "guests/c/c_zig_freestanding.wasm"
GUESTS = BENCHES / "guests"
SQLITE = TESTS / "guests/sqlite/sqlite_plugin.wasm"


@dataclass(frozen=True)
class Case:
    """Something that is measured."""

    name: str
    title: str
    unit: str = "us"
    """`us` (microseconds), `KiB`, or `x`: how many times as fast as on one thread."""

    rounds: int | None = None
    """How many rounds at most, if it takes long."""

    group: str | None = None
    """Of guests that compute: `kernels` or `programs`."""


COMPUTING: dict[str, dict[str, Any]] = json.loads((GUESTS / "guests.json").read_text(encoding="utf-8"))
"""The guests that compute, by group."""

CALLS_AND_STARTS = (
    Case("noop", "no-op call"),
    Case("noop-deadline", "no-op call with a time limit"),
    Case("host", "host function i64 → i64, explicit"),
    Case("host-annotated", "host function i64 → i64, annotated"),
    Case("echo-64", "echo 64 B"),
    Case("echo-1024", "echo 1 KiB"),
    Case("echo-65536", "echo 64 KiB"),
    Case("echo-1048576", "echo 1 MiB"),
    Case("echo-16777216", "echo 16 MiB", rounds=5),
    Case("count-vowels", "count vowels, 1 KiB"),
    Case("first-call", "instance and first call, SQLite"),
    Case("load-warm", "load SQLite again, with its first call", rounds=7),
    Case("load-cold", "load SQLite first, with its first call", rounds=3),
    Case("memory", "memory of one more instance", unit="KiB", rounds=5),
    Case("threads", "two threads, count vowels 64 KiB", unit="x", rounds=7),
)
CASES = CALLS_AND_STARTS + tuple(
    Case(f"guest-{name}", name, rounds=7, group=group) for group, guests in COMPUTING.items() for name in guests
)

VOWELS = "Hello, World! "
"""Has three vowels."""


def unique(module: bytes, number: int) -> bytes:
    """A module that nobody has compiled before: with a section that has no meaning."""
    section = b"\x06unique" + number.to_bytes(8, "little")
    return module + bytes([0, len(section)]) + section


@dataclass(frozen=True)
class Guest:
    """A guest that computes: what is called, and what comes out."""

    module: Path
    wasi: bool
    function: str
    input: bytes
    output: bytes
    """The output, or how it starts."""

    @classmethod
    def of(cls, name: str) -> "Guest":
        """The one of this name in the list."""
        if kernel := COMPUTING["kernels"].get(name):
            output = number(kernel["checksum"])
            return cls(GUESTS / f"kernels/{name}.wasm", False, "run", b"", output)
        program = COMPUTING["programs"][name]
        folder = package(program["package"]) if "package" in program else GUESTS
        match program.get("input"):
            case {"file": file}:
                given = (GUESTS / file).read_bytes()
            case {"letters": count}:
                given = letters(count)
            case _:
                given = b""
        match program["output"]:
            case {"checksum": checksum}:
                output = number(checksum)
            case {"is": text} | {"starts_with": text}:
                output = text.encode()
            case other:
                raise ValueError(f"{name}: the list says {other}")
        return cls(folder / program["module"], program.get("wasi", False), program["function"], given, output)

    def check(self, found: Any) -> None:
        """Refuses to measure a wrong result."""
        if not bytes(found).startswith(self.output):
            raise AssertionError(f"{self.module.name}: found {bytes(found)[:100]!r}, expected {self.output!r}")


def letters(count: int) -> bytes:
    """As in `computing.rs`: in no order that a processor could foresee."""
    known, state, found = b"etaoin shrdlucmfwypvbgk.", 1, bytearray()
    for _ in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % (1 << 32)
        found.append(known[(state ^ state >> 16) % len(known)])
    return bytes(found)


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


@cache
def package(name: str) -> Path:
    """Where the files of a registry package lie that a package of the repository depends on."""
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "metadata", "--format-version", "1", "--offline", "--locked"]
    found = subprocess.run(command, cwd=BENCHES, capture_output=True, check=True)
    packages = json.loads(found.stdout)["packages"]
    return Path(next(one["manifest_path"] for one in packages if one["name"] == name)).parent
