"""Threads with little stack, and plug-ins within plug-ins: in processes of their own."""

import subprocess
import sys
import textwrap

import pytest

from conftest import ENGINES

PROGRAM = """
    import threading
    import extism

    GUEST = '''(module
      (import "extism:host/user" "host" (func $host (param i64) (result i64)))
      (func $down (export "endless") (result i32) (i32.add (call $down) (i32.const 1)))
      (func $deep (param i32) (result i64)
        (if (result i64) (local.get 0)
          (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
          (else (call $host (i64.const 20)))))
      (func (export "deep") (result i32)
        (i32.sub (i32.wrap_i64 (call $deep (i32.const 2000))) (i32.const 21))))'''

    def around(called, engine):
        @extism.host_fn(name="host")
        def host(n: int) -> int:
            if called is not None:
                called.call("deep")
            return n + 1

        return extism.Plugin(GUEST, functions=[host], engine=engine)

    inner = None
    for level in range(LEVELS):
        inner = around(inner, ENGINES[level % len(ENGINES)])

    def use():
        for _ in range(3):
            try:
                inner.call("endless")
            except extism.TrapError as error:
                assert error.trap == "stack-overflow", error.trap
            inner.call("deep")
        done.append(True)

    done = []
    threading.stack_size(KILOBYTES * 1024)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert done
"""


def run(engines: list[str], levels: int, kilobytes: int) -> None:
    program = textwrap.dedent(PROGRAM)
    for name, value in [("ENGINES", engines), ("LEVELS", levels), ("KILOBYTES", kilobytes)]:
        program = program.replace(name, repr(value))
    done = subprocess.run(
        [sys.executable, "-c", program], timeout=120, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kilobytes", [256, 1024])
def test_a_thread_with_a_small_stack(engine, kilobytes):
    run([engine], 1, kilobytes)


def test_plug_ins_within_plug_ins():
    run(ENGINES, 6, 8192)
