"""Ctrl-C ends the process, whatever threads are in guests."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from processes import environment

START = """
import asyncio, concurrent.futures, signal, sys, threading, time
import extism
ENDLESS = '(module (func (export "endless") (loop $l (br $l))) (func (export "quick")))'
def spin(*_):
    return extism.Plugin(ENDLESS).call("endless")
def ready():
    print("ready", flush=True)
"""

# Programs that wait for guests on other threads.
PROGRAMS = {
    "to_thread": """
        async def main():
            task = asyncio.create_task(asyncio.to_thread(spin))
            await asyncio.sleep(0.2)
            ready()
            await task
        asyncio.run(main())
    """,
    "wait_for": """
        async def main():
            ready()
            try:
                await asyncio.wait_for(asyncio.to_thread(spin), 0.2)
            except asyncio.TimeoutError:
                pass
            await asyncio.sleep(60)
        asyncio.run(main())
    """,
    "call_async": """
        async def main():
            task = asyncio.create_task(extism.AsyncPlugin(ENDLESS).call("endless"))
            await asyncio.sleep(0.2)
            ready()
            await task
        asyncio.run(main())
    """,
    "executor": """
        with concurrent.futures.ThreadPoolExecutor(3) as executor:
            futures = [executor.submit(spin) for _ in range(3)]
            time.sleep(0.2)
            ready()
            futures[0].result()
    """,
    "executor without with": """
        executor = concurrent.futures.ThreadPoolExecutor(3)
        future = executor.submit(spin)
        time.sleep(0.2)
        ready()
        future.result()
    """,
    "map": """
        with concurrent.futures.ThreadPoolExecutor(2) as executor:
            ready()
            list(executor.map(spin, range(20)))
    """,
    "thread": """
        thread = threading.Thread(target=spin)
        thread.start()
        time.sleep(0.2)
        ready()
        thread.join()
    """,
    "daemon": """
        thread = threading.Thread(target=spin, daemon=True)
        thread.start()
        time.sleep(0.2)
        ready()
        thread.join()
    """,
    "main has ended": """
        threading.Thread(target=spin).start()
        ready()
    """,
    "main thread": """
        ready()
        spin()
    """,
    "async host function": """
        @extism.host_fn("host")
        async def host(n: int) -> int:
            await asyncio.sleep(600)
            return n
        WAT = '(module (import "extism:host/user" "host" (func $h (param i64) (result i64))) (func (export "f") (drop (call $h (i64.const 1)))))'
        thread = threading.Thread(target=lambda: extism.Plugin(WAT).call("f"))
        thread.start()
        time.sleep(0.2)
        ready()
        thread.join()
    """,
}


def start(program):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", START + textwrap.dedent(program)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_ctrl_c_ends_the_process(program):
    with start(program) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.4)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode in (-signal.SIGINT, 1, 0), errors
    assert "KeyboardInterrupt" in errors
    assert "panicked" not in errors


# Programs in which guests of other threads go on: what they print in the end.
GO_ON = {
    "main ends": """
        def work():
            try:
                extism.Plugin(ENDLESS).call("endless", timeout=1.5)
            except extism.TimeoutError:
                print("went on", flush=True)
        threading.Thread(target=work).start()
        ready()
    """,
    "Ctrl-C is handled": """
        def work():
            try:
                extism.Plugin(ENDLESS).call("endless", timeout=1.5)
            except extism.TimeoutError:
                print("went on", flush=True)
            done.set()
        done = threading.Event()
        threading.Thread(target=work).start()
        ready()
        try:
            done.wait()
        except KeyboardInterrupt:
            done.wait()
    """,
    "Ctrl-C is over": """
        ready()
        try:
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                executor.submit(spin).result()
        except KeyboardInterrupt:
            pass
        time.sleep(0.3)
        def work():
            try:
                extism.Plugin(ENDLESS).call("endless", timeout=0.5)
            except extism.TimeoutError:
                print("went on", flush=True)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """,
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("name", GO_ON)
def test_guests_go_on_where_the_program_does(name):
    with start(GO_ON[name]) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.4)
            if name != "main ends":
                process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (printed, process.returncode) == ("went on\n", 0), errors
