"""What a run was made on: figures mean nothing without it."""

import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COUNT = """
import time
count, end = 0, time.perf_counter() + 0.3
while time.perf_counter() < end:
    for _ in range(1000):
        count += 1
print(count)
"""
"""How far a process counts in a while."""


def describe() -> dict[str, object]:
    """The machine, its load now, and what was measured."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "commit": commit(),
        "two_processes": round(two_processes(), 2),
    }


def two_processes(rounds: int = 9) -> float:
    """How many times as much two processes compute as one: what two threads can gain here at most.

    Cores of a virtual machine may be halves of one, and others may use them. The median of rounds.
    """
    command = [sys.executable, "-c", COUNT]

    def counted(processes: int) -> int:
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        return sum(int(process.communicate()[0]) for process in running)

    return statistics.median(counted(2) / counted(1) for _ in range(rounds))


def cpu() -> str:
    """The model of the processor, as far as the system tells."""
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
