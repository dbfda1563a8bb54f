"""Whole lives of plug-ins, for memcheck to count what they leave: `python -m memcheck.rounds ENGINE COUNT`.

A round compiles, makes instances, calls, traps, runs out of time, meets a host function that raises, and drops it
all. What stays is the same however many rounds there were.
"""

import gc
import sys

import extism

MODULE = """(module
  (import "extism:host/user" "twice" (func $twice (param i64) (result i64)))
  (import "extism:host/user" "fails" (func $fails (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1 8)
  (table 8 64 funcref)
  (func (export "echo") (local $block i64)
    (local.set $block (call $twice (call $offset)))
    (call $output (local.get $block) (call $length (local.get $block))))
  (func (export "raises") (drop (call $fails (call $offset))))
  (func (export "grows")
    (drop (memory.grow (i32.const 4))) (drop (table.grow (ref.null func) (i32.const 8))))
  (func (export "traps") (unreachable))
  (func (export "endless") (loop $again (br $again))))"""


@extism.host_fn(name="twice")
def twice(text: str) -> str:
    return text + text


@extism.host_fn(name="fails")
def fails(text: str) -> str:
    raise LookupError(text)


def refused(plugin: extism.Plugin, name: str, error: type[Exception], **options: float) -> None:
    try:
        plugin.call(name, b"input", **options)
    except error:
        return
    raise AssertionError(f"{name} did not fail")


def live(plugin: extism.Plugin) -> None:
    assert plugin.call("echo", "abc") == b"abcabc"
    assert plugin.call("grows") == b""
    refused(plugin, "raises", extism.HostFunctionError)
    refused(plugin, "traps", extism.TrapError)
    refused(plugin, "endless", extism.TimeoutError, timeout=0.01)
    assert plugin.call("echo", "x" * 70_000) == b"x" * 140_000


def one(engine: str) -> None:
    compiled = extism.CompiledPlugin(MODULE, functions=[twice, fails], engine=engine)
    plugins = [extism.Plugin(compiled) for _ in range(2)]
    for plugin in plugins:
        live(plugin)
    # One is dropped as it is, the other one closed.
    with plugins.pop():
        pass


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        one(sys.argv[1])
    gc.collect()
