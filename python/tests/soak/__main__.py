"""Runs the soak test and reports: `python -m soak --seconds 60 --threads 6 --seed 1`.

The report goes to standard output as JSON. The code is 0 if nothing was wrong, 1 if something was, 3
if somebody did not get on: then it is on standard error where everybody is.
"""

import argparse
import faulthandler
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

from soak.actions import ACTIONS
from soak.gauges import Sample, growth, sample
from soak.world import ENGINES, Worker, World

#: Nothing that is done takes so many seconds.
STALL = 120.0


class Run:
    """One run: its workers, and what they have met."""

    def __init__(self, seconds: float, threads: int, seed: int, world: World) -> None:
        self.end = time.monotonic() + seconds
        self.over = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.samples: list[Sample] = []
        self.world = world
        self.workers = [Worker(world, seed, number) for number in range(threads)]
        self.actions = {name: action for name, (action, _) in ACTIONS.items()}
        self.weights = [weight for _, weight in ACTIONS.values()]

    def work(self, worker: Worker) -> None:
        """What a thread does until the end, or until something is wrong."""
        met: Counter[str] = Counter()
        try:
            while not self.over.is_set():
                met[worker.step(self.actions, self.weights)] += 1
        except BaseException:
            where = f"worker {worker.number}, step {worker.steps}, {worker.doing}"
            self.wrong.append(f"{where}:\n{traceback.format_exc()}")
            self.over.set()
        with self.world.lock:
            self.outcomes += met

    def watch(self) -> None:
        """Looks at the gauges and at the workers, until the end."""
        while not self.over.wait(0.5):
            now = time.monotonic()
            self.samples.append(sample())
            # Cycles are collected by chance otherwise, and with them what they hold.
            gc.collect()
            self.world.log.drain()
            if any(now - worker.since > STALL for worker in self.workers):
                self.give_up(now)
            if now > self.end:
                self.over.set()

    def give_up(self, now: float) -> None:
        """Says where everybody is, and ends the process."""
        for worker in self.workers:
            print(
                f"worker {worker.number}: step {worker.steps}, {worker.doing} "
                f"for {now - worker.since:.1f} s",
                file=sys.stderr,
            )
        faulthandler.dump_traceback(all_threads=True)
        os._exit(3)

    def run(self) -> None:
        """Works on this thread and on others."""
        others = [
            threading.Thread(target=self.work, args=(worker,), name=f"worker-{worker.number}")
            for worker in self.workers[1:]
        ]
        watcher = threading.Thread(target=self.watch, name="watcher")
        for thread in [watcher, *others]:
            thread.start()
        self.work(self.workers[0])
        for thread in [watcher, *others]:
            thread.join()


def settled(before: Sample) -> list[str]:
    """What is still held when all is closed, as complaints. Threads that were left behind end soon."""
    deadline = time.monotonic() + 60
    while True:
        gc.collect()
        now = sample()
        more = {
            name: getattr(now, name) - getattr(before, name) for name in ("descriptors", "threads")
        }
        if not any(count > 0 for count in more.values()):
            return []
        if time.monotonic() > deadline:
            return [f"{count} more {name} than before the run" for name, count in more.items()]
        time.sleep(0.1)


def main() -> int:
    """Runs it as the command line says."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr, flush=True)
    # Should not even the watcher get on.
    faulthandler.dump_traceback_later(arguments.seconds + 2 * STALL, exit=True)
    rung = Counter[str]()
    signal.signal(signal.SIGALRM, lambda *_: rung.update(["alarm"]))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)

    serving = [sys.executable, "-m", "soak.server"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(serving, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server,
    ):
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        world = World(Path(folder), f"http://127.0.0.1:{port}")
        # The threads of the process itself: they compile, and watch deadlines.
        world.common[0].call("echo", timeout=1)
        before = sample()
        run = Run(arguments.seconds, arguments.threads, arguments.seed, world)
        run.run()
        complaints = run.wrong or growth(run.samples)
        for worker in run.workers:
            worker.close()
        missing = world.missing_lines()
        if missing and not run.wrong:
            complaints.append(f"{len(missing)} log lines did not come once: {missing[:5]}")
        world.close()
        if not run.wrong:
            complaints += settled(before)
        server.stdin.close()

    report = {
        "seed": arguments.seed,
        "seconds": arguments.seconds,
        "threads": arguments.threads,
        "engines": ENGINES,
        "steps": sum(run.outcomes.values()),
        "alarms": rung["alarm"],
        "resident_mib": [one.resident >> 20 for one in run.samples[:: max(1, len(run.samples) // 20)]],
        "descriptors": [one.descriptors for one in run.samples[:: max(1, len(run.samples) // 20)]],
        "process_threads": [one.threads for one in run.samples[:: max(1, len(run.samples) // 20)]],
        "outcomes": dict(sorted(run.outcomes.items())),
        "complaints": complaints,
    }
    print(json.dumps(report, indent=2))
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        code = main()
    finally:
        # At the end of the interpreter nobody handles it any more.
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    sys.exit(code)
