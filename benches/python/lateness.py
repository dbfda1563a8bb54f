"""How late calls end after their deadline, on an idle machine: `python lateness.py [ROUNDS]`.

Prints a table of microseconds for each engine and each way to be busy. It judges nothing: what else
runs on the machine counts as well.
"""

import json
import random
import socket
import sys
import time

import extism

HEAD = """
  (import "extism:host/user" "host" (func $host (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (memory (export "memory") 100)"""
LOOPS = {
    "a loop": "(br $again)",
    "bulk fills": "(memory.fill (i32.const 0) (i32.const 7) (i32.const 6000000)) (br $again)",
    "kernel calls": "(call $free (call $alloc (i64.const 5000))) (br $again)",
    "host calls": "(drop (call $host (i64.const 0))) (br $again)",
}
STEP = "(local.set $n (i64.mul (i64.add (local.get $n) (i64.const 3)) (i64.const 5)))"
ARMS = 10_000
LONG = {
    "a loop of 100 000": f"(local $n i64) (loop $again {STEP * (100_000 // 6)} (br $again))",
    "a table of 10 000 arms": "(local $n i32) loop $again "
    + "block " * ARMS
    + f"local.get $n br_table {' '.join(map(str, range(ARMS)))} "
    + " ".join(
        f"end i32.const {(arm * 7919 + 1) % ARMS} local.set $n br $again" for arm in range(ARMS)
    )
    + " end",
}
SLEEP = r"""(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\01")
  (func (export "run")
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"""
GET = """(module
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (func (export "run") (drop (call $request (call $offset) (i64.const 0)))))"""
START = """(module (func $start (loop $again (br $again))) (start $start) (func (export "run")))"""
NEST = f"""(module {HEAD} (func (export "run") (drop (call $host (i64.const 1)))))"""


def looping(body: str) -> str:
    return f'(module {HEAD} (func (export "run") (loop $again {body})))'


def guests(engine: str, other: str, url: str) -> dict[str, tuple[extism.Plugin, str]]:
    """What is busy until its deadline, and its input."""
    inner = extism.Plugin('(module (func (export "run") (loop $again (br $again))))', engine=other)

    @extism.host_fn(name="host", signature=([extism.ValType.I64], [extism.ValType.I64]))
    def host(plugin, params, results):
        if params[0].value == 1:
            # It has no limit of its own.
            inner.call("run")
        results[0].value = 0

    made = {
        name: (extism.Plugin(looping(body), functions=[host], engine=engine), "")
        for name, body in LOOPS.items()
    }
    for name, body in LONG.items():
        made[name] = extism.Plugin(f'(module (func (export "run") {body}))', engine=engine), ""
    manifest = {"wasm": [{"data": GET.encode()}], "allowed_hosts": ["127.0.0.1"]}
    made["a sleep in WASI"] = extism.Plugin(SLEEP, wasi=True, engine=engine), ""
    made["an HTTP request"] = extism.Plugin(manifest, engine=engine), json.dumps({"url": url})
    made["a start function"] = extism.Plugin(START, engine=engine), ""
    made[f"a guest of {other}"] = extism.Plugin(NEST, functions=[host], engine=engine), ""
    return made


def lateness(plugin: extism.Plugin, data: str, rounds: int) -> list[float]:
    """Microseconds from the deadline to the end of the call, sorted."""
    late = []
    for _ in range(rounds):
        limit = random.uniform(0.003, 0.025)
        start = time.perf_counter()
        try:
            plugin.call("run", data, timeout=limit)
        except extism.Error:
            late.append((time.perf_counter() - start - limit) * 1e6)
    return sorted(late)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    engines = [str(engine) for engine in extism.engines()]
    print(f"{'engine':20} {'busy with':28} {'p50':>8} {'p99':>8} {'max':>8}  us, {rounds} calls")
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for engine, other in zip(engines, engines[1:] + engines[:1], strict=True):
            for name, (plugin, data) in guests(engine, other, url).items():
                late = lateness(plugin, data, rounds)
                p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
                print(f"{engine:20} {name:28} {p50:8.0f} {p99:8.0f} {late[-1]:8.0f}")


if __name__ == "__main__":
    main()
