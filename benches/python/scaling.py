"""What it costs to call a plug-in for many items: in a loop, on threads and processes, on Dask and Ray, in asyncio.

    python benches/python/scaling.py [--items 20000] [--work 20000] [--only loop,threads] [--json FILE]
    python benches/python/scaling.py --goals

For each way and batch size it prints microseconds for an item and the part of that which is not the guest's. The guest
alone is the same function called with batches of all items, on one thread. Two workers are compared with one. The CPU
time of a worker, as a multiple of the guest's own, is what counts on a machine that does other things as well. The last
table is the heartbeat of an event loop beside guests that are busy. `--goals` measures two figures only, in less than a
minute: the speed of two processes, and the heartbeat beside 8 busy guests.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import importlib.util
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import extism

WORKERS = 2

GUEST = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "work") (result i32) (local $n i32) (local $x i32)
    (loop $l
      (local.set $x (i32.rotl (i32.add (local.get $x) (i32.const 0x9e3779b9)) (local.get $n)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (i32.const {turns}))))
    (call $output (call $offset) (call $length))
    (i32.and (local.get $x) (i32.const 0)))
  (func (export "endless") (loop $l (br $l))))"""

Way = Callable[[Any, list[list[str]]], list[Any]]


class OnTheClock:
    """A function whose batches give the CPU time that they took where they ran, in seconds."""

    def __init__(self, work: extism.CompiledFunction) -> None:
        self.work = work

    def batch(self, items: list[str]) -> float:
        start = time.thread_time()
        assert len(self.work.batch(items)) == len(items)
        return time.thread_time() - start


# Each way maps the batches, with a number of workers, and returns the results of each.


@contextmanager
def loop(workers: int) -> Iterator[Way]:
    yield lambda work, batches: list(map(work.batch, batches))


@contextmanager
def threads(workers: int) -> Iterator[Way]:
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        yield lambda work, batches: list(executor.map(work.batch, batches))


@contextmanager
def processes(workers: int) -> Iterator[Way]:
    with multiprocessing.get_context("forkserver").Pool(workers) as pool:
        # The pool would hand out several batches at a time, and one worker would wait for the other at the end.
        yield lambda work, batches: list(pool.map(work.batch, batches, chunksize=1))


@contextmanager
def dask(workers: int) -> Iterator[Way]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield lambda work, batches: list(client.gather(client.map(work.batch, batches, pure=False)))


@contextmanager
def ray(workers: int) -> Iterator[Way]:
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        def way(work: Any, batches: list[list[str]]) -> list[Any]:
            task = ray.remote(lambda batch, work=ray.put(work): ray.get(work).batch(batch))
            return list(ray.get([task.remote(batch) for batch in batches]))

        yield way
    finally:
        ray.shutdown()


WAYS = {"loop": loop, "threads": threads, "processes": processes, "dask": dask, "ray": ray}
NEEDS = {"dask": "distributed", "ray": "ray"}

SLOW = {"dask": 2000, "ray": 2000}
"""Items that are mapped one by one where each costs a message."""


def best(action: Callable[[], object], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def own_time(own: Any, items: list[str]) -> float:
    start = time.thread_time()
    own.batch(items)
    return time.thread_time() - start


def measure(turns: int, total: int, ways: list[str]) -> list[dict[str, Any]]:
    compiled = extism.CompiledPlugin(GUEST.format(turns=turns))
    work = compiled.function("work")
    items = [f"item {n}" for n in range(total)]
    own = extism.Plugin(compiled).function("work")
    guest = best(lambda: own.batch(items)) / total
    own_cpu = min(own_time(own, items) for _ in range(5)) / total
    print(f"the guest alone: {1e6 * guest:.2f} us for an item, {1e6 * own_cpu:.2f} us of CPU, {os.cpu_count()} cores")
    print(f"{'way':12} {'batch':>6} {'us/item':>9} {'not the guest':>14} {'speed of two':>13} {'CPU of a worker':>16}")
    rows = []
    for name in ways:
        package = NEEDS.get(name)
        if package is not None and importlib.util.find_spec(package) is None:
            print(f"{name:12} needs the package {package}")
            continue
        speeds: dict[tuple[int, int], float] = {}
        busy: dict[tuple[int, int], float] = {}
        for workers in (1,) if name == "loop" else (1, WORKERS):
            with WAYS[name](workers) as way:
                for size in (1, 100, 1000, 10_000):
                    mine = items[: SLOW[name]] if size == 1 and name in SLOW else items
                    batches = [mine[start : start + size] for start in range(0, len(mine), size)]
                    assert sum(map(len, way(work, batches))) == len(mine)
                    speeds[workers, size] = best(lambda: way(work, batches)) / len(mine)
                    clocked = min(sum(way(OnTheClock(work), batches)) for _ in range(3))
                    busy[workers, size] = clocked / len(mine)
        for size in (1, 100, 1000, 10_000):
            one, most = speeds[1, size], speeds.get((WORKERS, size))
            row = {
                "way": name,
                "batch": size,
                "seconds": one,
                "overhead": max(0.0, 1 - guest / one),
                "two": None if most is None else one / most,
                "cpu": max(found for (_, at), found in busy.items() if at == size) / own_cpu,
            }
            rows.append(row)
            two = "" if row["two"] is None else f"{row['two']:.2f}x"
            print(f"{name:12} {size:6} {1e6 * one:9.2f} {row['overhead']:14.0%} {two:>13} {row['cpu']:15.2f}x")
    return rows


def two_processes(turns: int, total: int, rounds: int = 5) -> float:
    """How many times as fast as one process two are, with batches of 1000. They take turns; the best round counts."""
    work = extism.CompiledPlugin(GUEST.format(turns=turns)).function("work")
    items = [f"item {n}" for n in range(total)]
    batches = [items[start : start + 1000] for start in range(0, total, 1000)]
    with processes(1) as one, processes(2) as two:
        # Each process compiles at its first call.
        assert sum(map(len, one(work, batches))) == sum(map(len, two(work, batches))) == total
        times = [[best(lambda way=way: way(work, batches), 1) for way in (one, two)] for _ in range(rounds)]
    return min(one for one, _ in times) / min(two for _, two in times)


def count(turns: int) -> float:
    """Seconds that Python takes to count."""
    start = time.perf_counter()
    for _ in range(turns):
        pass
    return time.perf_counter() - start


def two_counters(rounds: int = 5, turns: int = 10_000_000) -> float:
    """What two processes reach on this machine that only count: its processors may share parts."""
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        pool.map(count, [1, 1], chunksize=1)
        alone = min(pool.apply(count, (turns,)) for _ in range(rounds))
        both = min(max(pool.map(count, [turns, turns], chunksize=1)) for _ in range(rounds))
    return 2 * alone / both


async def heartbeat(guests: int, seconds: float) -> dict[str, float]:
    """How late an event loop is that wants to run every millisecond, beside busy guests."""
    plugins = [extism.Plugin(GUEST.format(turns=1)) for _ in range(guests)]
    calls = [asyncio.ensure_future(plugin.call_async("endless", timeout=seconds)) for plugin in plugins]
    await asyncio.sleep(0.05)
    late = []
    end = time.perf_counter() + seconds - 0.2
    while time.perf_counter() < end:
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - start - 0.001)
    await asyncio.gather(*calls, return_exceptions=True)
    late.sort()
    return {"p50": statistics.median(late), "p99": late[int(0.99 * len(late))], "worst": late[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--work", type=int, default=20_000, help="turns of the guest's loop for an item")
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--goals", action="store_true", help="measure the two goals only")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    if arguments.goals:
        speed = two_processes(arguments.work, arguments.items)
        late = asyncio.run(heartbeat(8, 10))["p99"]
        print(f"two processes: {speed:.2f}x one (goal: at least 1.90x); that only count: {two_counters():.2f}x")
        print(f"heartbeat beside 8 busy guests: p99 {1e3 * late:.2f} ms late (goal: less than 5 ms)")
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump({"two_processes": speed, "heartbeat_p99": late}, file, indent=1)
        return
    rows = measure(arguments.work, arguments.items, arguments.only.split(","))
    print(f"\n{'busy guests':12} {'p50':>9} {'p99':>9} {'worst':>9}   ms late, of a task that runs every millisecond")
    beats = []
    for guests in (0, 2, 8):
        found = asyncio.run(heartbeat(guests, 3))
        beats.append({"guests": guests, **found})
        print(f"{guests:12} " + " ".join(f"{1e3 * found[key]:9.2f}" for key in ("p50", "p99", "worst")))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"scaling": rows, "heartbeat": beats}, file, indent=1)


if __name__ == "__main__":
    main()
