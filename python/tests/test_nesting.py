"""Plug-ins that host functions call: what ends a call ends those within it, and comes out as itself."""

import threading
import time

import pytest

import extism
from conftest import ENGINES
from wat import function, importing

#: How late a call may end on a machine that is busy with other tests.
LATE = 5.0

SPIN = function("(loop $again (br $again))")
CALL = function("(drop (call $host (i64.const 0)))", importing("(param i64) (result i64)"))
I64 = extism.ValType.I64


def calling(body, engine):
    """A plug-in whose `run` calls a host function that does this."""

    def host(plugin, params, results):
        body()

    return extism.Plugin(CALL, functions=[extism.Function("host", [I64], [I64], host)], engine=engine)


@pytest.fixture(params=ENGINES)
def other(request):
    return request.param


def test_the_deadline_around_it_ends_a_call(engine, other):
    inner = extism.Plugin(SPIN, engine=other)
    for limit in [None, 60]:
        outer = calling(lambda: inner.call("run", timeout=limit), engine)
        start = time.monotonic()
        with pytest.raises(extism.TimeoutError) as raised:
            outer.call("run", timeout=0.05)
        assert 0.05 <= time.monotonic() - start < LATE
        assert raised.value.plugin_id == outer.id
        assert isinstance(raised.value.__cause__, extism.TimeoutError)
        assert raised.value.__cause__.plugin_id == inner.id


def test_its_own_deadline_is_an_exception_like_any_other(engine, other):
    inner = extism.Plugin(SPIN, engine=other)
    outer = calling(lambda: inner.call("run", timeout=0.02), engine)
    for timeout in [None, 60]:
        with pytest.raises(extism.HostFunctionError) as raised:
            outer.call("run", timeout=timeout)
        assert isinstance(raised.value.__cause__, extism.TimeoutError)


def test_to_cancel_the_outer_call_cancels_the_inner_one(engine, other):
    inner = extism.Plugin(SPIN, engine=other)
    outer = calling(lambda: inner.call("run"), engine)
    threading.Timer(0.05, outer.cancel_handle().cancel).start()
    with pytest.raises(extism.CancelledError) as raised:
        outer.call("run")
    assert isinstance(raised.value.__cause__, extism.CancelledError)
    # The inner one alone is an exception of the host function.
    threading.Timer(0.05, inner.cancel_handle().cancel).start()
    with pytest.raises(extism.HostFunctionError) as raised:
        outer.call("run")
    assert isinstance(raised.value.__cause__, extism.CancelledError)


def test_plug_ins_that_wait_for_each_other(engine, other):
    """Each is called by a host function of the other one, which a deadline ends."""
    plugins, met, here = [], threading.Barrier(2), set()

    def of_the_other(number):
        def body():
            if number not in here:
                here.add(number)
                met.wait(60)
            plugins[1 - number].call("run")

        return body

    plugins += [calling(of_the_other(0), engine), calling(of_the_other(1), other)]
    outcomes = []

    def call(plugin):
        try:
            plugin.call("run", timeout=0.2)
        except extism.Error as error:
            outcomes.append(error.kind)

    threads = [threading.Thread(target=call, args=(plugin,)) for plugin in plugins]
    start = time.monotonic()
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert time.monotonic() - start < LATE + 0.2
    assert "timeout" in outcomes and len(outcomes) == 2, outcomes


def test_a_pool_is_waited_for_no_longer_than_the_call_may_take(engine):
    pool = extism.Pool(extism.CompiledPlugin(SPIN, engine=engine), max_instances=1)
    outer = calling(lambda: pool.get(), engine)
    with pool.get():
        start = time.monotonic()
        with pytest.raises(extism.TimeoutError):
            outer.call("run", timeout=0.05)
        assert time.monotonic() - start < LATE


def test_recursion_to_the_end_of_python(engine):
    """Every level is a plug-in; Python says when it is enough, and everybody comes back."""
    compiled = extism.CompiledPlugin(
        CALL,
        functions=[extism.Function("host", [I64], [I64], lambda *_: deeper())],
        engine=engine,
    )
    levels = []

    def deeper():
        levels.append(None)
        extism.Plugin(compiled).call("run")

    for _ in range(2):
        levels.clear()
        with pytest.raises(extism.HostFunctionError) as raised:
            extism.Plugin(compiled).call("run")
        error = raised.value
        while isinstance(error, extism.HostFunctionError):
            error = error.__cause__
        assert isinstance(error, RecursionError), error
        assert len(levels) > 50


@pytest.mark.parametrize("kilobytes", [64, 256])
def test_a_hundred_deep_on_a_small_stack(engine, kilobytes):
    left, done = [100], []
    compiled = extism.CompiledPlugin(
        CALL,
        functions=[extism.Function("host", [I64], [I64], lambda *_: deeper())],
        engine=engine,
    )

    def deeper():
        left[0] -= 1
        if left[0]:
            extism.Plugin(compiled).call("run")

    def use():
        deeper()
        done.append(True)

    before = threading.stack_size(kilobytes * 1024)
    try:
        thread = threading.Thread(target=use)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(120)
    assert done == [True]
