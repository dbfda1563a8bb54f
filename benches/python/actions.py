"""What a side does for a case: made and checked once, then run again and again."""

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

ROUND = 0.02
"""How long a round of a case takes at least, in seconds."""


class Missing(Exception):
    """The side has nothing for this case."""


@dataclass(frozen=True)
class Timed:
    """Something that takes time."""

    run: Callable[[], object]
    units: int = 1
    """How many of what the case counts one run does."""

    def measure(self, repeats: int) -> float:
        """Microseconds for one unit."""
        run = self.run
        start = time.perf_counter_ns()
        for _ in repeat(None, repeats):
            run()
        return (time.perf_counter_ns() - start) / repeats / self.units / 1000

    def repeats(self) -> int:
        """How many runs fill a round."""
        count = 1
        while True:
            seconds = self.measure(count) * self.units * count / 1e6
            if seconds >= ROUND / 4:
                return max(1, round(count * ROUND / seconds))
            count *= 4


@dataclass(frozen=True)
class Sized:
    """Something that takes memory. What is made stays alive, so that nothing moves into its place."""

    make: Callable[[], object]
    alive: list[object]

    def measure(self, repeats: int) -> float:
        """KiB of memory for each."""
        give_back()
        start = resident()
        self.alive.extend(self.make() for _ in range(repeats))
        return (resident() - start) / repeats

    def repeats(self) -> int:
        self.alive.append(self.make())
        return 50


@dataclass(frozen=True)
class Threaded:
    """The same work on one thread and on two, each with an instance of its own."""

    runs: tuple[Callable[[], object], Callable[[], object]]

    def measure(self, repeats: int) -> float:
        """How many times as much two threads get done."""
        one = self.together(self.runs[:1], repeats)
        two = self.together(self.runs, repeats)
        return 2 * one / two

    def together(self, runs: tuple[Callable[[], object], ...], repeats: int) -> float:
        def work(run: Callable[[], object]) -> None:
            for _ in repeat(None, repeats):
                run()

        threads = [threading.Thread(target=work, args=(run,)) for run in runs]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    def repeats(self) -> int:
        return 2 * Timed(self.runs[0]).repeats()


Action = Timed | Sized | Threaded


def resident() -> int:
    """KiB of memory that the process has; what several mappings share is counted once."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    raise OSError("the kernel does not tell the memory of the process")


def give_back() -> None:
    """Has the process give free memory back, in which new things would lie without being seen."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def check(found: object, expected: object, what: str) -> None:
    """Refuses to measure a wrong result."""
    if found != expected:
        raise AssertionError(f"{what}: found {str(found)[:100]}, expected {str(expected)[:100]}")


assert os.name == "posix", "the benchmarks read the memory of the process as Linux shows it"
