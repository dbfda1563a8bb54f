"""What the tests of clusters map, in a module that workers import as well."""

import os
import time

import extism

# Gives its input back, and fails for what begins with `!`; it works a little, so that the guest is what takes time.
GUEST = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (func (export "work") (result i32) (local $n i32) (local $text i64)
    (if (i32.and (i64.gt_u (call $length) (i64.const 0)) (i32.eq (call $load (call $offset)) (i32.const 0x21)))
      (then
        (local.set $text (call $alloc (i64.const 3)))
        (call $store (local.get $text) (i32.const 0x62))
        (call $store (i64.add (local.get $text) (i64.const 1)) (i32.const 0x61))
        (call $store (i64.add (local.get $text) (i64.const 2)) (i32.const 0x64))
        (call $error (local.get $text))
        (return (i32.const 4))))
    (loop $l
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (i32.const 500))))
    (call $output (call $offset) (call $length))
    (i32.const 0)))"""

COUNT = 100_000
SIZE = 1000


def items() -> list[str]:
    return [f"item {n}" for n in range(COUNT)]


def batches() -> list[list[str]]:
    whole = items()
    return [whole[start : start + SIZE] for start in range(0, COUNT, SIZE)]


def expected() -> list[bytes]:
    with extism.Plugin(GUEST) as plugin:
        return plugin.function("work").batch(items())


class Slowly:
    """Does a batch, and takes its time, so that a worker can be ended in the middle."""

    def __init__(self, function: extism.CompiledFunction) -> None:
        self.function = function

    def __call__(self, batch: list[str]) -> tuple[int, list[bytes]]:
        time.sleep(0.02)
        return os.getpid(), self.function.batch(batch)


def compilations(function: extism.CompiledFunction) -> tuple[int, int, bytes]:
    """In which process it runs, how many modules that one had to compile, and an output."""
    return os.getpid(), function.compiled.newly_compiled, function("x")
