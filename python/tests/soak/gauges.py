"""What the process holds: memory, descriptors, threads; and whether that stays the same."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Memory may be larger at the end than after the warm-up by this part, and by this much.
GROWTH, SLACK = 0.10, 24 << 20
#: Descriptors and threads come and go with calls; so many more than after the warm-up may be there.
MORE = 12


@dataclass(frozen=True)
class Sample:
    """What the process holds at a moment."""

    time: float
    #: Bytes in memory.
    resident: int
    descriptors: int
    threads: int


def sample() -> Sample:
    """Looks now. Needs `/proc`."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        time.monotonic(),
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(os.listdir("/proc/self/fd")),
        len(os.listdir("/proc/self/task")),
    )


def growth(samples: Sequence[Sample]) -> list[str]:
    """What grew over a run, as complaints: the last third against the one before.

    The first third is the warm-up: code is compiled and allocators take what they keep.
    """
    third = len(samples) // 3
    if third < 5:
        return [f"{len(samples)} samples are too few to tell"]
    middle, last = samples[third : 2 * third], samples[2 * third :]
    complaints = []
    for name, allowed in [
        ("resident", lambda before: before * (1 + GROWTH) + SLACK),
        ("descriptors", lambda before: before + MORE),
        ("threads", lambda before: before + MORE),
    ]:
        before = statistics.median(getattr(sample, name) for sample in middle)
        after = statistics.median(getattr(sample, name) for sample in last)
        if after > allowed(before):
            complaints.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return complaints
