"""Traps beside `faulthandler`, switched on and off at any time: in processes of their own."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

PROGRAM = """
    import faulthandler, os, sys, threading

    engine, order, where, end = sys.argv[1:]
    if order == "before the import":
        faulthandler.enable()

    import extism

    GUEST = '''(module (memory 1) (func (export "ok"))
        (func (export "unreachable") unreachable)
        (func (export "bounds") (drop (i32.load (i32.const -1))))
        (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
        (func $deep (export "stack") (call $deep)))'''

    def use():
        if order == "before the plug-in":
            faulthandler.enable()
        plugin = extism.Plugin(GUEST, engine=engine)
        plugin.call("ok")
        if order == "after":
            faulthandler.enable()
        if order == "off again":
            faulthandler.enable()
            faulthandler.disable()
        for round in range(2):
            for trap in ("unreachable", "bounds", "divide", "stack"):
                if order == "toggled":
                    faulthandler.disable() if faulthandler.is_enabled() else faulthandler.enable()
                try:
                    plugin.call(trap)
                except extism.TrapError:
                    traps.append(trap)
        plugin.call("ok")

    traps = []
    if where == "main":
        use()
    else:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(traps) == 8, traps
    if end == "crash":
        faulthandler.enable()
        faulthandler._sigsegv()
    if end == "silent crash":
        faulthandler.disable()
        import ctypes
        ctypes.string_at(0)
    os._exit(7)
"""

ORDERS = ["never", "before the import", "before the plug-in", "after", "off again", "toggled"]


def run(engine: str, order: str, where: str, end: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), engine, order, where, end],
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_trap_stays_a_trap(engine, order, where):
    done = run(engine, order, where, "well")
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize("order", ["never", "before the import", "after", "toggled"])
def test_a_crash_is_still_reported(engine, order):
    done = run(engine, order, "main", "crash")
    assert done.returncode < 0, done.stderr
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_a_crash_without_a_report_ends_the_process(engine):
    done = run(engine, "after", "main", "silent crash")
    assert done.returncode < 0
    assert "Fatal Python error" not in done.stderr
