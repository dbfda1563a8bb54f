"""Plug-ins in asyncio: calls that are awaited, cancelled, and host functions that await."""

import asyncio
import contextvars
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import extism
from processes import output
from test_functions import Point
from wat import ECHO, THROUGH_HOST, round_trip

from typing import Annotated

GUEST = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (result i32) (call $output (call $offset) (call $length)) (i32.const 0))
  (func (export "endless") (loop $l (br $l)))
  (func (export "fail") unreachable))"""

#: How late a call may end on a machine that is busy with other tests.
LATE = 5.0


def run(work, *, patience=60):
    """Runs a coroutine; a hang becomes a failure."""

    async def bounded():
        return await asyncio.wait_for(work, patience)

    return asyncio.run(bounded())


def test_calls(engine):
    async def work():
        plugin = extism.Plugin(GUEST, engine=engine)
        assert await plugin.call_async("echo", "x") == b"x"
        assert await plugin.call_async("echo", data=b"x", parse=bytes.decode) == "x"
        with pytest.raises(extism.TrapError) as raised:
            await plugin.call_async("fail")
        assert (raised.value.function, raised.value.plugin_id) == ("fail", plugin.id)
        with pytest.raises(extism.TimeoutError):
            await plugin.call_async("endless", timeout=0.01)
        with pytest.raises(extism.UnknownFunctionError):
            await plugin.call_async("ehco")
        async with extism.AsyncPlugin(GUEST, engine=engine) as other:
            assert await other.call("echo", "x") == b"x"
            assert await other.function("echo")("y") == b"y"
            point = other.function("echo", takes=Annotated[Point, extism.Json], gives=Annotated[Point, extism.Json])
            assert await point(Point(1)) == Point(1)
        with pytest.raises(extism.ClosedError):
            await other.call("echo")

    run(work())


def test_it_is_made_when_it_is_needed():
    async def work():
        plugin = extism.AsyncPlugin("nope.wasm")
        assert plugin.plugin is None
        assert "not made yet" in repr(plugin)
        with pytest.raises(extism.ManifestError):
            await plugin.call("f")
        other = extism.AsyncPlugin(ECHO)
        assert (await other.start()).exports == other.plugin.exports
        await other.close()
        mine = extism.Plugin(ECHO)
        assert await extism.AsyncPlugin(mine).call("echo", "x") == b"x"
        with pytest.raises(extism.ArgumentError, match="wasi= is decided when a Plugin is made"):
            extism.AsyncPlugin(mine, wasi=True)

    run(work())


def test_outside_of_a_loop():
    coroutine = extism.Plugin(ECHO).call_async("echo")
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


# Ways to end the task of a call. Each gives what the awaiting side sees.


async def by_cancel(call):
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_wait_for(call):
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(call, 0.05)


async def by_timeout(call):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call


async def by_task_group(call):
    async def other():
        await asyncio.sleep(0.05)
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):  # noqa: F821
        async with asyncio.TaskGroup() as group:
            group.create_task(call)
            group.create_task(other())


async def by_many_cancels(call):
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.05)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()


WAYS = [by_cancel, by_wait_for, by_many_cancels]
if sys.version_info >= (3, 11):
    WAYS += [by_timeout, by_task_group]


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_the_task_stops_the_guest(engine, way):
    async def work():
        plugin = extism.AsyncPlugin(GUEST, engine=engine)
        sync = await plugin.start()
        before = time.monotonic()
        await way(plugin.call("endless"))
        assert time.monotonic() - before < LATE
        # It has stopped, before the task ended.
        assert sync.cancel_handle().cancel() is False
        assert await plugin.call("echo", "x") == b"x"

        await way(sync.call_async("endless"))
        assert sync.cancel_handle().cancel() is False
        assert sync.call("echo", "x") == b"x"

        pool = extism.AsyncPool(extism.CompiledPlugin(GUEST, engine=engine), 1)
        await way(pool.call("endless"))
        assert await pool.call("echo", "x") == b"x"

    run(work())


def test_a_task_that_waits_cancels_nobody_else(engine):
    async def work():
        plugin = extism.AsyncPlugin(GUEST, engine=engine)
        sync = await plugin.start()
        first = asyncio.ensure_future(plugin.call("endless"))
        second = asyncio.ensure_future(plugin.call("endless"))
        direct = asyncio.ensure_future(sync.call_async("endless"))
        await asyncio.sleep(0.1)
        for waiting in (second, direct):
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert not first.done()
        assert sync.cancel_handle().cancel() is True
        with pytest.raises(extism.CancelledError):
            await first
        assert await plugin.call("echo", "x") == b"x"

    run(work())


def test_cancelled_before_it_begins():
    async def work():
        executor = ThreadPoolExecutor(1)
        block = threading.Event()
        executor.submit(block.wait)
        plugin = extism.Plugin(GUEST)
        task = asyncio.ensure_future(plugin.call_async("endless", executor=executor))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        block.set()
        assert await plugin.call_async("echo", "x", executor=executor) == b"x"
        executor.shutdown()

    run(work())


def test_calls_of_one_plugin_take_turns(engine):
    async def work():
        async with extism.AsyncPlugin(GUEST, engine=engine) as plugin:
            outputs = await asyncio.gather(*(plugin.call("echo", str(n)) for n in range(100)))
            assert outputs == [str(n).encode() for n in range(100)]

    run(work())


def test_a_pool(engine):
    async def work():
        pool = extism.AsyncPool(extism.CompiledPlugin(GUEST, engine=engine), 2)
        assert pool.max_instances == 2
        outputs = await asyncio.gather(*(pool.call("echo", str(n)) for n in range(100)))
        assert outputs == [str(n).encode() for n in range(100)]
        async with pool.get() as one, pool.get() as two:
            assert pool.instances == 2
            with pytest.raises(extism.TimeoutError, match="none of the 2 instances"):
                async with pool.get(timeout=0.01):
                    pass
            assert await one.call("echo", "1") + await two.call("echo", "2") == b"12"
        async with pool.get(timeout=10) as again:
            assert await again.call("echo", "3") == b"3"
        with pytest.raises(ZeroDivisionError):
            async with pool.get():
                raise ZeroDivisionError
        # No place is lost.
        async with pool.get(timeout=10), pool.get(timeout=10):
            pass

    run(work())


def test_a_storm_of_cancelled_tasks(engine):
    chance = random.Random(18)

    async def storm(pool):
        async def echo(number):
            assert await pool.call("echo", str(number)) == str(number).encode()

        for _ in range(10):
            ends = [pool.call("endless") if chance.random() < 0.3 else echo(n) for n in range(30)]
            tasks = [asyncio.ensure_future(end) for end in ends]
            await asyncio.sleep(chance.random() / 50)
            chance.shuffle(tasks)
            for task in tasks:
                task.cancel()
                if chance.random() < 0.1:
                    await asyncio.sleep(0)
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(one is None or isinstance(one, asyncio.CancelledError) for one in ended), ended
        # No place is lost, and no cancellation is left over.
        async with pool.get(timeout=30), pool.get(timeout=30), pool.get(timeout=30):
            pass
        await asyncio.gather(*(echo(n) for n in range(30)))

    pool = extism.AsyncPool(extism.CompiledPlugin(GUEST, engine=engine), 3)
    run(storm(pool))
    # In the next event loop, too.
    run(storm(pool))


def test_a_plugin_that_tasks_of_several_loops_wait_for(engine):
    plugin = extism.AsyncPlugin(GUEST, engine=engine)

    async def work():
        outputs = await asyncio.gather(*(plugin.call("echo", str(n)) for n in range(30)))
        assert outputs == [str(n).encode() for n in range(30)]

    run(work())
    # The first loop is gone.
    run(work())
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run, work()) for _ in range(2)]:
            done.result(timeout=60)
    run(plugin.close())


def test_the_loop_goes_on_beside_guests(engine):
    async def work():
        beats = 0

        async def heart():
            nonlocal beats
            while True:
                await asyncio.sleep(0.001)
                beats += 1

        task = asyncio.ensure_future(heart())
        plugins = [extism.Plugin(GUEST, engine=engine) for _ in range(4)]
        ended = await asyncio.gather(
            *(plugin.call_async("endless", timeout=0.5) for plugin in plugins), return_exceptions=True
        )
        assert {type(one) for one in ended} == {extism.TimeoutError}
        task.cancel()
        assert beats > 20

    run(work())


# Host functions that await.


@extism.host_fn("host")
async def shout(text: str) -> str:
    await asyncio.sleep(0.001)
    return text.upper() + str(threading.current_thread() is THREADS.get())


THREADS = contextvars.ContextVar("THREADS", default=None)


def through(engine, *functions):
    return extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)


def test_an_async_host_function_runs_in_the_loop_of_the_call(engine):
    async def work():
        THREADS.set(threading.current_thread())
        assert await through(engine, shout).call_async("run", "a") == b"ATrue"
        async with extism.AsyncPlugin(THROUGH_HOST, functions=[shout], engine=engine) as plugin:
            assert await plugin.call("run", "a") == b"ATrue"
            outputs = await asyncio.gather(*(plugin.call("run", "b") for _ in range(20)))
            assert outputs == [b"BTrue"] * 20

    run(work())


def test_from_a_plain_call_it_runs_in_a_loop_of_its_own(engine):
    plugin = through(engine, shout)
    assert plugin.call("run", "a") == b"AFalse"

    async def in_the_loop():
        # This blocks the loop, which therefore cannot be the one.
        return plugin.call("run", "a")

    assert run(in_the_loop()) == b"AFalse"
    # As plain Python it is what it was.
    assert run(shout("a")) == "AFalse"


@pytest.mark.parametrize("plain", [True, False])
def test_everything_about_its_plugin(engine, plain):
    @extism.host_fn("host")
    async def host(plugin: extism.CurrentPlugin, text: str) -> str:
        await asyncio.sleep(0)
        plugin.vars["seen"] = text
        assert plugin.vars["seen"] == text.encode()
        assert dict(plugin.config) == {"k": "v"}
        assert len(plugin.vars) == 1
        assert 0 < plugin.time_remaining <= 30
        assert plugin.host_context() == "mine"
        block = plugin.alloc(2)
        plugin.memory(block)[:] = b"ok"
        return f"{text} {bytes(plugin.memory(block)).decode()}"

    plugin = extism.Plugin(THROUGH_HOST, functions=[host], engine=engine, config={"k": "v"})
    options = {"timeout": 30, "host_context": "mine"}
    if plain:
        assert plugin.call("run", "x", **options) == b"x ok"
    else:
        assert run(plugin.call_async("run", "x", **options)) == b"x ok"
    assert plugin.vars["seen"] == b"x"


def test_with_a_signature(engine):
    i64 = extism.ValType.I64

    @extism.host_fn("host", signature=([i64], [i64]), user_data=7)
    async def host(plugin, params, results, more):
        await asyncio.sleep(0)
        results[0].value = params[0].value + more

    plugin = extism.Plugin(round_trip("i64", "1"), functions=[host], engine=engine)
    assert int.from_bytes(run(plugin.call_async("run")), "little") == 8

    @extism.host_fn("host")
    async def numbers(value: int) -> int:
        return value + 1

    plugin = extism.Plugin(round_trip("i64", "1"), functions=[numbers], engine=engine)
    assert int.from_bytes(plugin.call("run"), "little") == 2


class Boom(Exception):
    pass


@pytest.mark.parametrize("error", [Boom("x"), TimeoutError("mine"), RuntimeError()])
def test_its_exceptions_are_the_cause(engine, error):
    @extism.host_fn("host")
    async def host(text: str) -> str:
        await asyncio.sleep(0)
        raise error

    plugin = through(engine, host)
    for call in (lambda: plugin.call("run"), lambda: run(plugin.call_async("run"))):
        with pytest.raises(extism.HostFunctionError) as raised:
            call()
        assert raised.value.__cause__ is error


@pytest.mark.parametrize("plain", [True, False])
def test_the_deadline_of_the_call_ends_it(engine, plain):
    ended = []

    @extism.host_fn("host")
    async def host(text: str) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(time.monotonic())
            raise
        return text

    plugin = through(engine, host)
    before = time.monotonic()
    with pytest.raises(extism.TimeoutError):
        if plain:
            plugin.call("run", timeout=0.05)
        else:
            run(plugin.call_async("run", timeout=0.05))
    assert 0.05 <= ended[0] - before < LATE


def test_cancelling_the_call_cancels_it(engine):
    began, ended = [], []

    @extism.host_fn("host")
    async def host(text: str) -> str:
        began.append(text)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(text)
        return text

    async def work():
        plugin = through(engine, host)
        for way in WAYS:
            await way(plugin.call_async("run", "x"))

        async def cancel():
            while "y" not in began:
                await asyncio.sleep(0.001)
            assert plugin.cancel_handle().cancel() is True

        cancelling = asyncio.ensure_future(cancel())
        with pytest.raises(extism.CancelledError):
            await plugin.call_async("run", "y")
        await cancelling

    run(work())
    # On a busy machine a call may be cancelled before it gets there.
    assert ended == began
    assert ended[-1] == "y"


def test_one_that_does_not_end_is_given_up(engine):
    @extism.host_fn("host")
    async def host(text: str) -> str:
        while not stop:
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                pass
        return text

    stop = []
    before = time.monotonic()
    with pytest.raises(extism.TimeoutError):
        through(engine, host).call("run", timeout=0.05)
    stop.append(True)
    assert time.monotonic() - before < 1 + LATE


def test_context_variables(engine):
    variable = contextvars.ContextVar("variable")

    @extism.host_fn("host")
    async def host(text: str) -> str:
        return text + variable.get()

    async def one(value):
        variable.set(value)
        return await through(engine, host).call_async("run", "x")

    async def work():
        assert await asyncio.gather(one("1"), one("2")) == [b"x1", b"x2"]

    run(work())


def test_nested_calls_do_not_wait_for_each_other(engine):
    """Each of them holds a thread of an executor while it waits for the next one."""

    @extism.host_fn("host")
    async def host(text: str) -> str:
        depth = int(text)
        if depth == 0:
            return "end"
        return (await through(engine, host).call_async("run", str(depth - 1))).decode() + "."

    async def work():
        outputs = await asyncio.gather(*(through(engine, host).call_async("run", "3") for _ in range(50)))
        assert outputs == [b"end..."] * 50

    run(work())


@pytest.mark.parametrize("loop", ["uvloop", "anyio"])
def test_with_other_loops(engine, loop):
    module = pytest.importorskip(loop, reason=f"needs the package {loop}")

    async def work():
        plugin = through(engine, shout)
        assert (await plugin.call_async("run", "a"))[:1] == b"A"
        spinning = extism.Plugin(GUEST, engine=engine)
        if loop == "anyio":
            with module.move_on_after(0.05) as scope:
                await spinning.call_async("endless")
            assert scope.cancelled_caught
        else:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(spinning.call_async("endless"), 0.05)
        assert spinning.cancel_handle().cancel() is False

    module.run(work()) if loop == "uvloop" else module.run(work)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_forked_process(engine):
    program = f"""
        import asyncio, os
        import extism
        from test_async import shout, through

        plugin = through({engine!r}, shout)
        assert asyncio.run(plugin.call_async("run", "a")) == b"AFalse"
        assert plugin.call("run", "a") == b"AFalse"
        child = os.fork()
        assert asyncio.run(plugin.call_async("run", "a")) == b"AFalse"
        assert plugin.call("run", "a") == b"AFalse"
        if child == 0:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    assert output(program) == ""
