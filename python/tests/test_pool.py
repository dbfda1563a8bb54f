"""Pools: how many instances there are, who gets them, and what they hand on."""

import pickle
import signal
import threading
import time

import pytest

import extism
from conftest import ENGINES
from processes import output

GUEST = """(module
  (import "extism:host/user" "nap" (func $nap))
  (global $calls (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))
  (func (export "nap") (call $nap))
  (func (export "trap") (unreachable))
  (func (export "ok")))"""

#: Far more than anything here takes.
PATIENCE = 60.0


class Running:
    """How many calls are running, and the most that there were."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def __call__(self, plugin, params, results) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.001)
        with self.lock:
            self.now -= 1


def compiled(engine, nap=lambda plugin, params, results: None):
    functions = [extism.Function("nap", [], [], nap)]
    return extism.CompiledPlugin(GUEST, functions=functions, engine=engine)


def count(plugin) -> int:
    with pytest.raises(extism.ReturnCodeError) as raised:
        plugin.call("count")
    return raised.value.code


@pytest.mark.parametrize("reuse", [False, True])
def test_no_more_instances_than_allowed_under_32_threads(engine, reuse):
    running, failures = Running(), []
    pool = extism.Pool(compiled(engine, running), 3, reuse)

    def work():
        try:
            for _ in range(10):
                with pool.get(PATIENCE) as plugin:
                    plugin.call("nap")
                    assert pool.instances <= 3
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert 2 <= running.most <= 3
    assert pool.instances == 0 or (reuse and pool.instances <= 3)


def test_who_waits_too_long_gets_an_error(engine):
    pool = extism.Pool(compiled(engine), max_instances=1)
    with pool.get() as plugin:
        with pytest.raises(extism.TimeoutError) as raised:
            pool.get(timeout=0.02)
        expect = "all instances of the pool (1) were in use for 20 ms"
        assert str(raised.value) == expect
        assert isinstance(raised.value, TimeoutError)
        # The GIL is released while a thread waits, or this one could not give back.
        got = []
        waits = threading.Thread(target=lambda: got.append(pool.get(PATIENCE)))
        waits.start()
        plugin.call("ok")
    waits.join()
    assert got[0].call("ok") == b""
    with pytest.raises(extism.ClosedError):
        plugin.call("ok")
    plugin.close()
    assert pool.instances == 1
    del got[0]
    assert pool.instances == 0


def test_a_signal_handler_ends_the_wait(engine):
    class Enough(Exception):
        pass

    def handler(number, frame):
        raise Enough

    pool = extism.Pool(compiled(engine), 1)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pool.get():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Enough):
                pool.get()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pool.get(PATIENCE) as plugin:
        assert plugin.call("ok") == b""


@pytest.mark.parametrize(("reuse", "second"), [(False, 1), (True, 2)])
def test_nothing_leaks_from_one_borrower_to_the_next(engine, reuse, second):
    pool = extism.Pool(compiled(engine), 1, reuse)
    with pool.get() as plugin:
        assert count(plugin) == 1
        first = plugin.id
        plugin.vars["mine"] = b"secret"
        plugin.config["who"] = "me"
    with pool.get() as plugin:
        assert plugin.id != first
        assert dict(plugin.vars) == {}
        assert dict(plugin.config) == {}
        assert count(plugin) == second
        with pytest.raises(extism.TrapError):
            plugin.call("trap")
    assert pool.instances == 0
    with pool.get() as plugin:
        assert count(plugin) == 1


def test_the_pool_goes_while_instances_are_out(engine):
    pool = extism.Pool(compiled(engine), 1, reuse=True)
    plugin = pool.get()
    del pool
    assert plugin.call("nap") == b""
    plugin.close()


@pytest.mark.parametrize("wrong", [0, -1, "many", 1.5])
def test_a_wrong_number_of_instances(engine, wrong):
    with pytest.raises(extism.ArgumentError, match="max_instances: expected a number, at least 1"):
        extism.Pool(compiled(engine), wrong)


def test_what_is_no_compiled_plugin():
    with pytest.raises(extism.ArgumentError, match=r"found a value of type str; write extism.CompiledPlugin\(") as raised:
        extism.Pool(GUEST)
    assert "compiled: expected an extism.CompiledPlugin" in str(raised.value)


def test_a_pickled_pool_is_a_new_one(engine):
    wat = '(module (func (export "ok")))'
    pool = extism.Pool(extism.CompiledPlugin(wat, functions=[], engine=engine), 2, True)
    with pool.get():
        other = pickle.loads(pickle.dumps(pool))
        assert (other.instances, other.max_instances, other.reuse) == (0, 2, True)
        with other.get() as plugin:
            assert plugin.call("ok") == b""


FORK = """
import os, signal, sys, threading
import extism

pool = extism.Pool(extism.CompiledPlugin('(module (func (export "ok")))', engine=sys.argv[1]), 2, True)
pool.get().close()
mine = pool.get()
taken, enough = threading.Event(), threading.Event()

def hold():
    with pool.get() as plugin:
        plugin.call("ok")
        taken.set()
        enough.wait()

thread = threading.Thread(target=hold)
thread.start()
taken.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    assert pool.instances == 0
    with pool.get(1) as first, pool.get(1) as second:
        first.call("ok"), second.call("ok")
        try:
            pool.get(0.01)
        except extism.TimeoutError:
            pass
        else:
            os._exit(1)
    assert pool.instances == 2
    # Of the parent's pool: it can be used, and does not come into this one.
    mine.call("ok")
    mine.close()
    assert pool.instances == 2
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert pool.instances == 2
enough.set()
thread.join()
mine.close()
with pool.get(1) as first, pool.get(1) as second:
    print(first.call("ok") + second.call("ok") + b"done")
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_forked_child_has_a_pool_of_its_own(engine, tmp_path):
    program = tmp_path / "fork.py"
    program.write_text(FORK)
    assert output(program, engine) == "b'done'\n"
