"""Forks of a process whose other threads compile, make instances, call and free: in processes of their own.

A child has the memory of its parent and none of its threads; whatever they had locked stays locked. It
must be able to do everything with plug-ins all the same. No guest of another thread fails beside a fork: POSIX
forbids that (docs/processes.md).
"""

import os

import pytest

from conftest import ENGINES
from processes import output

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

#: How many forks each process makes. More find more: `EXTISM_FORKS=500`.
FORKS = int(os.environ.get("EXTISM_FORKS", "8"))

PROGRAM = """
import os, random, signal, sys, threading, time
import extism

engine, busy, forks = sys.argv[1], sys.argv[2], int(sys.argv[3])
engines = sys.argv[4].split()
GUEST = '''(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory 1)
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "echo") (call $output (call $offset) (call $length)))
  (func (export "bounds") (drop (i32.load (i32.const -1))))
  (func (export "unreachable") unreachable)
  (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
  (func (export "endless") (loop $l (br $l))))'''
compiled = {engine: extism.CompiledPlugin(GUEST, engine=engine) for engine in engines}
common = {engine: extism.Plugin(compiled[engine]) for engine in engines}

def fails(plugin, error, name, **options):
    try:
        plugin.call(name, **options)
    except error:
        return
    raise AssertionError(name)

def calls(plugin):
    assert plugin.call("echo", b"x" * 1000) == b"x" * 1000

def traps(plugin):
    for name in ("bounds", "unreachable", "divide", "deep"):
        fails(plugin, extism.TrapError, name)

def deadlines(plugin):
    fails(plugin, extism.TimeoutError, "endless", timeout=0.002)

def compiles(plugin):
    # One that nobody has compiled before.
    text = GUEST.replace("(memory 1)", f"(memory 1) (global i32 (i32.const {random.randrange(1 << 30)}))")
    assert extism.Plugin(text, engine=plugin.engine).call("echo", b"y") == b"y"

def instances(plugin):
    for _ in range(20):
        extism.Plugin(compiled[plugin.engine]).call("echo")

def cancels(plugin):
    handle = plugin.cancel_handle()
    def cancel():
        while not handle.cancel():
            time.sleep(0.001)
    thread = threading.Thread(target=cancel)
    thread.start()
    fails(plugin, extism.CancelledError, "endless", timeout=60)
    thread.join()

parent = os.getpid()
def turns(plugin):
    # A thread that is not there in the child may have it for ever, but nothing may wait for that.
    try:
        assert common[plugin.engine].call("echo", b"z") == b"z"
    except extism.ClosedError as error:
        assert os.getpid() != parent and ("was using" in str(error) or "closed" in str(error)), error

ALL = [calls, traps, deadlines, compiles, instances, cancels, turns]
BESIDE = [calls, compiles, instances, turns]
busy = [function for function in BESIDE if busy in (function.__name__, "everything")]
over = threading.Event()
def work(number):
    plugin = extism.Plugin(compiled[engines[number % len(engines)]])
    while not over.is_set():
        for function in busy:
            function(plugin)

threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(3)]
mine = [extism.Plugin(compiled[engine]) for engine in engines]
[function(plugin) for function in ALL for plugin in mine]
[thread.start() for thread in threads]

for fork in range(forks):
    time.sleep(random.random() / 100)
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        # A hang of the child ends as well.
        signal.alarm(90)
        try:
            fresh = [extism.Plugin(compiled[engine]) for engine in engines]
            for plugin in [*mine, *fresh]:
                for function in ALL:
                    function(plugin)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
        os._exit(1)
    # What it waits for takes milliseconds; after a minute it waits no longer, which nobody would see.
    waited = time.monotonic() - begun
    assert waited < 30, f"fork {fork} waited for {waited} s"
    if os.environ.get("EXTISM_GDB"):
        deadline = time.monotonic() + 60
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.system(f"gdb -p {child} -batch -ex 'thread apply all bt 40' >&2 2>/dev/null")
                os.kill(child, 9)
            time.sleep(0.002)
    else:
        status = os.waitpid(child, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, f"fork {fork} ended with {code}"
over.set()
[thread.join(60) for thread in threads]
print("done", flush=True)
os._exit(0)
"""

BUSY = ["calls", "compiles", "instances", "turns"]


@pytest.mark.parametrize("busy", BUSY)
def test_forks_while_others_are_busy(engine, busy):
    assert output(PROGRAM, engine, busy, str(FORKS), engine) == "done\n"


def test_forks_while_others_do_all_of_it_on_every_engine():
    assert output(PROGRAM, "all", "everything", str(FORKS), " ".join(ENGINES)) == "done\n"
