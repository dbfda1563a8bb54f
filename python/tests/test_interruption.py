"""Deadlines, cancellation and Ctrl-C."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import extism


def module(fields: str) -> str:
    return f"(module {fields})"


ENDLESS = module(
    """
    (import "extism:host/user" "nap" (func $nap (param i64) (result i64)))
    (func (export "endless") (loop $again (br $again)))
    (func (export "calls") (loop $again (drop (call $nap (i64.const 1))) (br $again)))
    (func (export "quick"))
    """
)

#: How late a call may end on a machine that is busy with other tests.
LATE = 5.0


@extism.host_fn(name="nap")
def nap(milliseconds: int) -> int:
    time.sleep(milliseconds / 1000)
    return 0


@pytest.fixture
def plugin(engine):
    with extism.Plugin(ENDLESS, functions=[nap], engine=engine) as plugin:
        yield plugin


@pytest.mark.parametrize("function", ["endless", "calls"])
def test_a_call_ends_at_its_time_limit(plugin, function):
    start = time.monotonic()
    with pytest.raises(extism.TimeoutError) as raised:
        plugin.call(function, timeout=0.05)
    took = time.monotonic() - start
    assert 0.05 <= took < LATE
    assert str(raised.value) == "the call did not end within its time limit of 50 ms"
    assert raised.value.kind == "timeout"
    assert raised.value.function == function
    assert isinstance(raised.value, TimeoutError)
    assert plugin.call("quick") == b""


def test_the_manifest_says_the_time_limit(engine):
    manifest = {"wasm": [{"data": ENDLESS.encode()}], "timeout_ms": 20}
    with extism.Plugin(manifest, functions=[nap], engine=engine) as plugin:
        with pytest.raises(extism.TimeoutError, match="20 ms"):
            plugin.call("endless")
        with pytest.raises(extism.TimeoutError, match="10 ms"):
            plugin.call("endless", timeout=0.01)
        assert plugin.call("quick", timeout=math.inf) == b""
        assert plugin.call("quick", timeout=1e300) == b""
        with pytest.raises(extism.TimeoutError, match="0 s"):
            plugin.call("quick", timeout=0)


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, "soon", b"1", [1]])
def test_a_wrong_time_limit(plugin, timeout):
    with pytest.raises(extism.ArgumentError, match="timeout: expected a number of seconds"):
        plugin.call("quick", timeout=timeout)


@pytest.mark.parametrize("function", ["endless", "calls"])
def test_another_thread_cancels(plugin, function):
    handle = plugin.cancel_handle()
    assert isinstance(handle, extism.CancelHandle)
    assert handle.cancel() is False

    def cancel():
        while not handle.cancel():
            time.sleep(0.001)

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(extism.CancelledError) as raised:
        plugin.call(function)
    thread.join()
    assert raised.value.kind == "cancelled"
    assert plugin.call("quick") == b""
    plugin.close()
    assert handle.cancel() is False


def test_a_host_function_cancels_its_own_call(engine):
    @extism.host_fn(name="nap")
    def stop(_: int) -> int:
        assert handle.cancel() is True
        return 0

    with extism.Plugin(ENDLESS, functions=[stop], engine=engine) as plugin:
        handle = plugin.cancel_handle()
        with pytest.raises(extism.CancelledError):
            plugin.call("calls")


def test_a_host_function_that_outlives_the_deadline(engine):
    guest = module(
        """
        (import "extism:host/user" "nap" (func $nap (param i64) (result i64)))
        (func (export "f") (drop (call $nap (i64.const 60))))
        """
    )
    with extism.Plugin(guest, functions=[nap], engine=engine) as plugin:
        with pytest.raises(extism.TimeoutError):
            plugin.call("f", timeout=0.02)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
class TestSignals:
    @pytest.mark.parametrize("function", ["endless", "calls"])
    def test_ctrl_c(self, plugin, function):
        def press():
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
            pressed.append(time.monotonic())

        pressed = []
        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            plugin.call(function)
        thread.join()
        assert time.monotonic() - pressed[0] < LATE
        assert plugin.call("quick") == b""

    def test_a_handler_that_raises(self, plugin):
        class Alarm(Exception):
            pass

        def ring(signum, frame):
            raise alarm

        alarm = Alarm()
        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(Alarm) as raised:
                plugin.call("endless")
            assert raised.value is alarm
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_a_handler_that_returns(self, plugin):
        rung = []
        before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(extism.TimeoutError):
                plugin.call("endless", timeout=0.5)
            assert len(rung) == 1
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_a_forked_child(self, engine):
        """A child of a process that has armed deadlines has deadlines and Ctrl-C of its own."""
        program = f"""
            import os, signal, threading, time
            import extism

            plugin = extism.Plugin({SPINS!r}, engine={engine!r})

            def expect(error, **options):
                try:
                    plugin.call("endless", **options)
                except error:
                    return
                raise SystemExit("it ended by itself")

            expect(extism.TimeoutError, timeout=0.01)
            child = os.fork()
            if child == 0:
                expect(extism.TimeoutError, timeout=0.01)
                threading.Timer(0.02, plugin.cancel_handle().cancel).start()
                expect(extism.CancelledError)
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                signal.signal(signal.SIGALRM, signal.default_int_handler)
                expect(KeyboardInterrupt)
                os._exit(7)
            expect(extism.TimeoutError, timeout=0.01)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 7, status
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            timeout=120,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


SPINS = module('(func (export "endless") (loop $again (br $again)))')
