"""Traps beside `faulthandler` and signal handlers, changed at any time: in processes of their own.

Each process goes through every kind of trap, on its main thread, on another one, and in forked
children of both.
"""

import os
import signal

import pytest

import processes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

PROGRAM = """
import faulthandler, os, signal, sys, threading

engine, order, end = sys.argv[1:]
FATAL = [signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGBUS]
OTHERS = [signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM]
if order == "enabled before the import":
    faulthandler.enable()
if order == "handlers before the import":
    [signal.signal(number, print) for number in FATAL + OTHERS]

import extism

KINDS = {
    "unreachable": "unreachable",
    "memory-out-of-bounds": "(drop (i32.load (i32.const -1)))",
    "divide-by-zero": "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
    "integer-overflow": "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "bad-conversion": "(drop (i32.trunc_f64_s (f64.const nan)))",
    "null-element": "(call_indirect (type $void) (i32.const 1))",
    "bad-signature": "(call_indirect (type $other) (i64.const 1) (i32.const 0))",
    "table-out-of-bounds": "(call_indirect (type $void) (i32.const 99))",
    "stack-overflow": "(call $deep (i64.const 1))",
}
GUEST = '''(module (type $void (func)) (type $other (func (param i64)))
    (memory 1) (table 2 funcref) (elem (i32.const 0) $nothing)
    (func $nothing) (func $deep (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))))
    (func (export "ok")) (func (export "endless") (loop $l (br $l))) %s)''' % " ".join(
    f'(func (export "{name}") {body})' for name, body in KINDS.items())

if order == "enabled before the plug-in":
    faulthandler.enable()
plugin = extism.Plugin(GUEST, engine=engine)
plugin.call("ok")
match order:
    case "enabled after":
        faulthandler.enable()
    case "off again":
        faulthandler.enable()
        faulthandler.disable()
    case "as pytest does":
        # A copy of standard error, and the end of a session.
        faulthandler.enable(file=os.dup(2))
        faulthandler.disable()
        faulthandler.enable(file=2)
    case "handlers after":
        if threading.current_thread() is threading.main_thread():
            [signal.signal(number, lambda *_: None) for number in FATAL + OTHERS]
    case "default after":
        [signal.signal(number, signal.SIG_DFL) for number in FATAL]
    case "ignored after":
        [signal.signal(number, signal.SIG_IGN) for number in FATAL]
        # Ignored is what is sent, too. (wasmer looks at the instruction behind every SIGILL, and there is
        # none if it was sent.)
        [os.kill(os.getpid(), number) for number in FATAL if number != signal.SIGILL]
    case "all of it":
        faulthandler.enable()
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        [signal.signal(number, lambda *_: None) for number in OTHERS]
        faulthandler.register(signal.SIGUSR1, file=open(os.devnull, "w"))
        faulthandler.dump_traceback_later(300)

def use():
    mine = extism.Plugin(GUEST, engine=engine)
    for used in (plugin, mine):
        for kind in KINDS:
            if order == "toggled":
                faulthandler.disable() if faulthandler.is_enabled() else faulthandler.enable()
            try:
                used.call(kind)
            except extism.TrapError as error:
                assert error.trap == kind, (error.trap, kind)
            else:
                raise AssertionError(kind)
            used.call("ok")
        try:
            used.call("endless", timeout=0.01)
        except extism.TimeoutError:
            pass

def in_child():
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, 60)
        try:
            use()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def in_thread(body):
    failures = []
    def run():
        try:
            body()
        except BaseException as error:
            failures.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failures == [], failures

if end == "well":
    use()
    in_thread(use)
    in_child()
    in_thread(in_child)
    use()
    os._exit(7)
use()
if end == "crash":
    faulthandler.enable()
    faulthandler._sigsegv()
import ctypes
if end == "silent crash":
    faulthandler.disable()
    ctypes.string_at(0)
if end == "sent":
    os.kill(os.getpid(), signal.SIGSEGV)
"""

ORDERS = [
    "never",
    "enabled before the import",
    "enabled before the plug-in",
    "enabled after",
    "off again",
    "toggled",
    "as pytest does",
    "handlers before the import",
    "handlers after",
    "default after",
    "ignored after",
    "all of it",
]


def run(engine: str, order: str, end: str) -> "processes.Ended":
    # Without the option that switches `faulthandler` on.
    return processes.run("-c", PROGRAM, engine, order, end, options=["-W", "ignore::DeprecationWarning"])


@pytest.mark.parametrize("order", ORDERS)
def test_a_trap_stays_a_trap(engine, order):
    done = run(engine, order, "well")
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize(
    "order", ["never", "enabled before the import", "enabled after", "toggled", "as pytest does"]
)
def test_a_crash_is_still_reported(engine, order):
    done = run(engine, order, "crash")
    assert done.returncode == -signal.SIGSEGV, done.stderr
    assert "Fatal Python error: Segmentation fault" in done.stderr


@pytest.mark.parametrize("order", ["enabled after", "default after", "ignored after"])
def test_a_crash_without_a_report_ends_the_process(engine, order):
    done = run(engine, order, "silent crash")
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error" not in done.stderr


def test_a_signal_that_was_sent_ends_the_process(engine):
    done = run(engine, "never", "sent")
    assert done.returncode == -signal.SIGSEGV


SENT = """
import signal, sys, threading, time
import extism

GUEST = '(module (memory 1) (func (export "endless") (loop $l (br $l))))'
plugin = extism.Plugin(GUEST, engine=sys.argv[1])
handle = plugin.cancel_handle()
heard, ended = [], []
signal.signal(signal.SIGFPE, lambda number, _: heard.append(number))
def run():
    try:
        plugin.call("endless")
    except extism.Error as error:
        ended.append(type(error).__name__)
thread = threading.Thread(target=run)
thread.start()
# One may come before the guest runs: that is passed on, on every engine.
while len(heard) < 5 if sys.argv[2] == "passed on" else not ended:
    time.sleep(0.01)
    signal.pthread_kill(thread.ident, signal.SIGFPE)
while not ended:
    handle.cancel()
    time.sleep(0.001)
thread.join()
print(*ended)
"""


def test_a_signal_that_is_sent_to_the_thread_of_a_guest(engine):
    # wasmer takes every signal that comes to its own stacks for a trap.
    traps = engine.startswith("wasmer")
    outcome = processes.output(SENT, engine, "a trap" if traps else "passed on")
    assert outcome == ("TrapError\n" if traps else "CancelledError\n")


UNTOUCHED = """
import faulthandler, signal, sys

def caught():
    lines = open("/proc/self/status").read().splitlines()
    mask = int([line for line in lines if line.startswith("SigCgt")][0].split()[1], 16)
    return [number for number in (4, 7, 8, 11) if mask >> (number - 1) & 1]

switches = lambda: (faulthandler.enable, faulthandler.disable, signal.signal)
before = switches()
assert caught() == []
import extism
extism.engines(), extism.Engine(sys.argv[1]), extism.Wasi(), extism.Manifest("plugin.wasm")
assert switches() == before and caught() == []
extism.Plugin("(module)", engine=sys.argv[1])
assert not set(switches()) & set(before) and caught() == [4, 7, 8, 11]
print("done")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_the_first_engine_takes_the_signals(engine):
    assert processes.output(UNTOUCHED, engine, options=[]) == "done\n"


def test_pytest_switches_it(tmp_path, engine):
    """Its plug-in switches `faulthandler` on before the tests and off after them."""
    (tmp_path / "test_traps.py").write_text(
        f"""
import extism, pytest
MODULE = '(module (memory 1) (func (export "trap") (drop (i32.load (i32.const -1)))))'
plugin = extism.Plugin(MODULE, engine={engine!r})

@pytest.mark.parametrize("round", range(3))
def test_trap(round):
    with pytest.raises(extism.TrapError):
        plugin.call("trap")

def teardown_module():
    test_trap(0)
"""
    )
    arguments = ["-q", "-p", "faulthandler", "-o", "faulthandler_timeout=100", str(tmp_path)]
    done = processes.run("-m", "pytest", *arguments, options=[])
    assert done.returncode == 0, done
    assert "3 passed" in done.stdout
