"""Who waits for compiling does so no longer than it likes."""

import asyncio
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import extism
from processes import environment

# How long each may take to compile at least, so that there is something to interrupt.
SLOW = 1.5

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def leb(number):
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def module(functions, seed=None):
    """So many functions of 16 KiB of arithmetic, and one that is quick. Each time another one."""
    name = f"{seed or random.random()}".encode()
    #                 local.get 0, i32.const 7, i32.mul, local.get 0, i32.xor, local.set 0
    body = b"\x01\x01\x7f" + b"\x20\x00\x41\x07\x6c\x20\x00\x73\x21\x00" * 1600 + b"\x0b"
    body = leb(len(body)) + body
    quick = b"\x02\x00\x0b"
    count = functions + 1
    return b"".join(
        [
            b"\0asm\x01\0\0\0",
            section(1, b"\x01\x60\x00\x00"),
            section(3, leb(count) + b"\0" * count),
            section(7, b"\x01\x05quick\x00\x00"),
            section(10, leb(count) + quick + body * functions),
            section(0, leb(len(name)) + name),
        ]
    )


@pytest.fixture(scope="module")
def slow_of():
    """For each engine a number of functions that it needs long for."""
    found = {}

    def of(engine):
        functions = 100
        while engine not in found:
            start = time.monotonic()
            extism.CompiledPlugin(module(functions), engine=engine, cache=False)
            if time.monotonic() - start > SLOW:
                found[engine] = functions
            functions *= 2
        return found[engine]

    return of


def test_the_wait_ends_at_its_time_limit(engine, slow_of):
    with pytest.raises(extism.TimeoutError) as caught:
        extism.CompiledPlugin(module(slow_of(engine)), engine=engine, cache=False, compile_timeout=0.1)
    assert str(caught.value) == "compiling did not end within its time limit of 100 ms"
    with pytest.raises(extism.TimeoutError):
        extism.Plugin(module(slow_of(engine)), engine=engine, cache=False, compile_timeout=0.1)
    # Others go on, when it is their turn.
    with extism.Plugin(module(1), engine=engine, cache=False, compile_timeout=60) as plugin:
        plugin.call("quick")


@posix
def test_a_handler_that_raises(engine, slow_of):
    class Enough(Exception):
        pass

    def enough(*_):
        raise Enough

    wasm = module(slow_of(engine))
    before = signal.signal(signal.SIGALRM, enough)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        start = time.monotonic()
        with pytest.raises(Enough):
            extism.Plugin(wasm, engine=engine, cache=False)
        took = time.monotonic() - start
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert took >= 0.2


class Noted(ThreadPoolExecutor):
    """Keeps what was submitted."""

    def __init__(self):
        super().__init__(1)
        self.futures = []

    def submit(self, *args, **kwargs):
        self.futures.append(super().submit(*args, **kwargs))
        return self.futures[-1]


def test_a_cancelled_task(engine, slow_of):
    wasm = module(slow_of(engine))

    async def main(executor):
        plugin = extism.AsyncPlugin(wasm, engine=engine, cache=False, executor=executor)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(plugin.start(), 0.2)
        assert plugin.plugin is None

    with Noted() as executor:
        asyncio.run(main(executor))
        (made,) = executor.futures
        # The thread did not wait for the engine either.
        raised = made.exception(timeout=60)
    assert isinstance(raised, extism.CancelledError)
    assert str(raised) == "compiling was cancelled"


def test_another_thread_compiles_meanwhile(engine, slow_of):
    """The GIL is free while somebody waits."""
    turns = 0
    over = threading.Event()

    def count():
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0.01)

    thread = threading.Thread(target=count)
    thread.start()
    with pytest.raises(extism.TimeoutError):
        extism.Plugin(module(slow_of(engine)), engine=engine, cache=False, compile_timeout=0.3)
    over.set()
    thread.join()
    assert turns > 1


def test_it_is_pickled(engine):
    compiled = extism.CompiledPlugin(module(1), engine=engine, compile_timeout=60)
    again = pickle.loads(pickle.dumps(compiled))
    with extism.Plugin(again) as plugin:
        plugin.call("quick")


def test_it_is_decided_when_it_is_compiled(engine):
    compiled = extism.CompiledPlugin(module(1), engine=engine)
    with pytest.raises(extism.ArgumentError, match="compile_timeout= is decided"):
        extism.Plugin(compiled, compile_timeout=1)


@pytest.mark.parametrize("wrong", [-1, "1", float("nan")])
def test_what_is_no_time(wrong):
    with pytest.raises(extism.ArgumentError, match="timeout: expected a number of seconds"):
        extism.Plugin(module(1), compile_timeout=wrong)


# Programs that end while an engine compiles for nobody.
PROGRAMS = {
    "ctrl-c": """
        print("ready", flush=True)
        extism.Plugin(WASM, engine=ENGINE, cache=False)
    """,
    "ctrl-c on another thread": """
        import threading
        thread = threading.Thread(target=lambda: extism.Plugin(WASM, engine=ENGINE, cache=False))
        thread.start()
        time.sleep(0.2)
        print("ready", flush=True)
        thread.join()
    """,
    "ctrl-c in asyncio": """
        import asyncio
        async def main():
            print("ready", flush=True)
            await extism.AsyncPlugin(WASM, engine=ENGINE, cache=False).start()
        asyncio.run(main())
    """,
    "a daemon": """
        import threading
        thread = threading.Thread(target=lambda: extism.Plugin(WASM, engine=ENGINE, cache=False), daemon=True)
        thread.start()
        time.sleep(0.2)
        print("ready", flush=True)
        print("over", flush=True)
        raise KeyboardInterrupt
    """,
    "after a time limit": """
        try:
            extism.Plugin(WASM, engine=ENGINE, cache=False, compile_timeout=0.1)
        except extism.TimeoutError:
            print("ready", flush=True)
        raise KeyboardInterrupt
    """,
}


@posix
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_the_process_ends(program, engine, slow_of, tmp_path):
    path = tmp_path / "slow.wasm"
    # What takes so long that nobody would wait for it.
    path.write_bytes(module(slow_of(engine) * 8))
    start = f"""
import time
import extism
ENGINE = {engine!r}
WASM = {str(path)!r}
LIMITS = extism.Limits(module_bytes=2**40, compile_cost=2**40)
"""
    text = start + textwrap.dedent(program).replace("cache=False", "cache=False, limits=LIMITS")
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        took = time.monotonic() - begun
    assert "KeyboardInterrupt" in errors, errors
    assert process.returncode in (-signal.SIGINT, 130), errors
    # Far less than compiling takes.
    assert took < 8 * SLOW


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_compiles_after_a_wait_was_given_up(engine, slow_of):
    with pytest.raises(extism.TimeoutError):
        extism.Plugin(module(slow_of(engine)), engine=engine, cache=False, compile_timeout=0.1)
    child = os.fork()
    if child == 0:
        try:
            with extism.Plugin(module(1), engine=engine, cache=False, compile_timeout=60) as plugin:
                plugin.call("quick")
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("form", [lambda path: path, lambda path: {"wasm": [{"path": path}]}], ids=["path", "manifest"])
def test_a_pipe_that_nobody_writes_to(engine, form, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(extism.TimeoutError, match="time limit of 100 ms"):
        extism.Plugin(form(pipe), engine=engine, compile_timeout=0.1)

    def stop(*_):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(ZeroDivisionError):
            extism.Plugin(form(pipe), engine=engine)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # So that the threads that read end.
    pipe.write_bytes(b"(module)")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/zero")
@pytest.mark.parametrize("form", [lambda path: path, lambda path: {"wasm": [{"path": path}]}], ids=["path", "manifest"])
def test_a_device_without_end(engine, form):
    with pytest.raises(
        extism.InvalidModuleError, match="`/dev/zero` has more bytes than the limit `module_bytes` allows"
    ):
        extism.Plugin(form(Path("/dev/zero")), engine=engine, limits=extism.Limits(module_bytes=1 << 20))
