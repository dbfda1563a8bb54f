"""How late calls end that are in the middle of a large operation: `python lateness_large.py [ENGINE...]`.

Prints milliseconds from the deadline to the end of the call for each engine and operation. It takes 4 GiB of memory,
and judges nothing: what else runs on the machine counts as well.
"""

import random
import sys
import time

import extism

PAGES = 61_000
BYTES = PAGES << 16
LIMIT = 0.1
ROUNDS = 3

ENV = '(import "extism:host/env" "{name}" (func $f (param{params}){result}))'
BLOCK = """(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))"""
WASI = '(import "wasi_snapshot_preview1" "{name}" (func $f (param{params}) (result i32)))'


def on_memory(body: str, imports: str = "", rest: str = "") -> str:
    return f'(module {imports} (memory (export "memory") {PAGES}) {rest} (func (export "run") {body}))'


def on_tables(body: str) -> str:
    """Two tables that are as large as they may be."""
    return f"""(module (table $a 450000 funcref) (table $b 450000 funcref) (table $c 0 90000 funcref)
      (elem $e func {"$f " * 100_000}) (func $f)
      (func (export "run") {body}))"""


def on_arrays(element: str, length: int, body: str, rest: str = "") -> str:
    """An array of so many elements, which is made before."""
    return f"""(module (type $t (array (mut {element}))) (global $a (mut (ref null $t)) (ref.null $t)) {rest}
      (func (export "ready") (global.set $a (array.new_default $t (i32.const {length}))))
      (func (export "run") {body}))"""


def builtin(name: str, params: str, call: str, result: str = "") -> str:
    """A builtin that gets a block of more than three gigabytes."""
    f = ENV.format(name=name, params=params, result=result)
    return f"""(module {BLOCK} {f} (func (export "run") (local $p i64)
      (local.set $p (call $alloc (i64.const {BYTES - (1 << 20)}))) {call}))"""


def again(body: str, times: int = 1000) -> str:
    """So often that it is running when the time is over."""
    more = f"(i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {times}))"
    return f"(local $i i32) (loop $l {body} (br_if $l {more}))"


DATA = '(data $d "' + "x" * 30_000_000 + '")'
TABLES = {
    "table.fill, 450 000": "(table.fill $a (i32.const 0) (ref.func $f) (i32.const 450000))",
    "table.copy, 450 000": "(table.copy $a $b (i32.const 0) (i32.const 0) (i32.const 450000))",
    "table.init, 100 000": "(table.init $a $e (i32.const 0) (i32.const 0) (i32.const 100000))",
}
FUNCTIONS = f"(func $f) (elem $e func {'$f ' * 100_000})"
ARRAYS = {
    "array.fill, 600 MB of i8": (
        "i8", 600_000_000, "(array.fill $t (global.get $a) (i32.const 0) (i32.const 7) (i32.const 600000000))", ""
    ),
    "array.fill, 600 MB of i64": (
        "i64", 75_000_000, "(array.fill $t (global.get $a) (i32.const 0) (i64.const 259) (i32.const 75000000))", ""
    ),
    "array.copy, 600 MB of i8": (
        "i8", 600_000_001,
        "(array.copy $t $t (global.get $a) (i32.const 0) (global.get $a) (i32.const 1) (i32.const 600000000))", ""
    ),
    "array.copy, 600 MB of references": (
        "anyref", 150_000_001,
        "(array.copy $t $t (global.get $a) (i32.const 0) (global.get $a) (i32.const 1) (i32.const 150000000))", ""
    ),
    "array.init_data, 30 MB": (
        "i8", 30_000_000, "(array.init_data $t $d (global.get $a) (i32.const 0) (i32.const 0) (i32.const 30000000))",
        DATA,
    ),
    "array.init_elem, 100 000": (
        "funcref", 100_000, "(array.init_elem $t $e (global.get $a) (i32.const 0) (i32.const 0) (i32.const 100000))",
        FUNCTIONS,
    ),
    "array.new, 600 MB of i8": ("i8", 0, "(drop (array.new $t (i32.const 7) (i32.const 600000000)))", ""),
    "array.new_default, 600 MB": ("i8", 0, "(drop (array.new_default $t (i32.const 600000000)))", ""),
}
GUESTS = {
    "memory.fill, 3.7 GiB": on_memory(f"(memory.fill (i32.const 0) (i32.const 7) (i32.const {BYTES - 1}))"),
    "memory.copy, 3.7 GiB": on_memory(f"(memory.copy (i32.const 0) (i32.const 1) (i32.const {BYTES - 1}))"),
    "memory.init, 30 MB": on_memory(
        again("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 30000000))"), rest=DATA
    ),
    "random_get, 3.7 GiB": on_memory(
        f"(drop (call $f (i32.const 0) (i32.const {BYTES})))", WASI.format(name="random_get", params=" i32 i32")
    ),
    "log_error, 3.7 GiB": builtin("log_error", " i64", "(call $f (local.get $p))"),
    "var_get, a key of 3.7 GiB": builtin("var_get", " i64", "(drop (call $f (local.get $p)))", " (result i64)"),
    "config_get, a key of 3.7 GiB": builtin("config_get", " i64", "(drop (call $f (local.get $p)))", " (result i64)"),
    "http_request, 3.7 GiB": builtin(
        "http_request", " i64 i64", "(drop (call $f (local.get $p) (i64.const 0)))", " (result i64)"
    ),
} | {
    name: on_tables(again(body)) for name, body in TABLES.items()
} | {
    name: on_arrays(element, length, again(body), rest) for name, (element, length, body, rest) in ARRAYS.items()
}


def main() -> None:
    engines = sys.argv[1:] or [str(engine) for engine in extism.engines()]
    print(f"{'engine':18} {'operation':34} {'worst, ms':>10}  how it ended, {ROUNDS} calls with {LIMIT} s", flush=True)
    for engine in engines:
        for name, text in GUESTS.items():
            try:
                compiled = extism.CompiledPlugin(text, wasi=True, engine=engine, cache=False)
            except extism.Error as error:
                print(f"{engine:18} {name:34} {error.kind}: {str(error)[:80]}", flush=True)
                continue
            worst, ends = -1e9, set()
            for _ in range(ROUNDS):
                with extism.Plugin(compiled) as plugin:
                    if plugin.function_exists("ready"):
                        plugin.call("ready")
                    limit = LIMIT * random.uniform(0.7, 1.3)
                    start = time.perf_counter()
                    try:
                        plugin.call("run", timeout=limit)
                        ends.add("it ended")
                    except extism.Error as error:
                        ends.add(error.kind)
                    worst = max(worst, time.perf_counter() - start - limit)
            print(f"{engine:18} {name:34} {worst * 1e3:10.1f}  {', '.join(sorted(ends))}", flush=True)


if __name__ == "__main__":
    main()
