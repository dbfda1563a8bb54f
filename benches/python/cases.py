"""What is measured from Python, as data, and the guests.

A side that cannot run a case (the engine alone has no pool, the SDK has no annotated numbers) leaves it
out; the report shows a gap.
"""

from dataclasses import dataclass
from pathlib import Path

BENCHES = Path(__file__).resolve().parent.parent
TESTS = BENCHES.parent / "tests"

CALLS = BENCHES / "guests/calls.wat"
BYTES = BENCHES / "guests/bytes.wat"
C = TESTS / "guests/c/c_zig_freestanding.wasm"
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


CASES = (
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

VOWELS = "Hello, World! "
"""Has three vowels."""


def unique(module: bytes, number: int) -> bytes:
    """A module that nobody has compiled before: with a section that has no meaning."""
    section = b"\x06unique" + number.to_bytes(8, "little")
    return module + bytes([0, len(section)]) + section
