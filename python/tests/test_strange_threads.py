"""Threads that are not as threads usually are: greenlets take turns on their stack, or they block the signals by
which guests trap. In processes of their own."""

import os

import pytest

from processes import output

GUEST = '''
import extism
from extism import Function, ValType
GUEST = """(module
  (import "extism:host/user" "switch" (func $switch))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (call $output (call $offset) (call $length)))
  (func (export "waits") (call $switch) (call $output (call $offset) (call $length)))
  (func (export "traps") unreachable)
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "divides") (result i32) (i32.div_s (i32.const 1) (i32.const 0)))
  (func (export "bounds") (result i32) (i32.load (i32.const -1)))
  (memory 1))"""

def make(switch):
    return extism.Plugin(GUEST, functions=[Function("switch", [], [], lambda *_: switch())], engine=engine)
'''


def test_greenlets(engine):
    """A call in another greenlet than the one whose host function waits is refused; then all go on."""
    program = (
        "import sys; engine = sys.argv[1]"
        + GUEST
        + """
import greenlet

def inner():
    plain = make(lambda: None)
    for _ in range(100):
        try:
            plain.call("echo", b"inner")
        except extism.ReentrantError as error:
            assert "greenlet" in str(error), error
        else:
            raise AssertionError("it was entered")
    # Plug-ins can be made and closed meanwhile.
    plain.close()
    main.switch()

main = greenlet.getcurrent()
for _ in range(20):
    other = greenlet.greenlet(inner)
    plugin = make(other.switch)
    assert plugin.call("waits", b"outer") == b"outer"
    for name in ["traps", "divides", "bounds", "deep"]:
        try:
            plugin.call(name)
        except extism.TrapError:
            pass
    # Within one greenlet, and from one after the other.
    nested = make(lambda: None)
    around = make(lambda: nested.call("echo", b"nested"))
    assert around.call("waits", b"outer") == b"outer"
    done = []
    greenlet.greenlet(lambda: done.append(around.call("waits", b"other"))).switch()
    assert done == [b"other"]
print("done")
"""
    )
    assert output(program, engine) == "done\n"


def test_gevent(engine):
    """Four greenlets whose host functions sleep: each is served, or refused, and the process lives."""
    program = (
        "import sys; engine = sys.argv[1]"
        + GUEST
        + """
import gevent

ended = []
def work(number):
    plugin = make(lambda: gevent.sleep(0.001))
    for _ in range(20):
        data = bytes([number]) * 1000
        try:
            assert plugin.call("waits", data) == data
            ended.append("ok")
        except extism.ReentrantError:
            ended.append("refused")
            gevent.sleep(0.001)

gevent.joinall([gevent.spawn(work, number) for number in range(4)], raise_error=True)
assert len(ended) == 80 and ended.count("ok") >= 20, ended

print("done")
"""
    )
    assert output(program, engine) == "done\n"


def test_the_threads_of_gevent(engine):
    """On threads of their own greenlets do not meet, whatever is used first there."""
    program = (
        "import sys; engine = sys.argv[1]"
        + GUEST
        + """
import gevent

pool = gevent.get_hub().threadpool
def alone(number):
    return make(lambda: None).call("waits", bytes([number]))
assert list(pool.map(alone, range(8))) == [bytes([number]) for number in range(8)]
print("done")
"""
    )
    for _ in range(5):
        assert output(program, engine) == "done\n"


def test_a_package_that_comes_late(engine):
    """Who imports greenlets within a host function can go on calling there."""
    program = (
        "import sys; engine = sys.argv[1]"
        + GUEST
        + """
nested = make(lambda: None)
def late():
    import greenlet
    assert nested.call("echo", b"nested") == b"nested"
    refused = []
    def other():
        try:
            nested.call("echo")
        except extism.ReentrantError as error:
            refused.append(error)
    greenlet.greenlet(other).switch()
    assert len(refused) == 1
assert make(late).call("waits", b"outer") == b"outer"
print("done")
"""
    )
    assert output(program, engine) == "done\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("when", ["before", "after"])
def test_threads_that_block_signals(engine, when):
    """A trap is a trap on a thread that blocks all signals, whether it did so before its first call or after."""
    program = (
        "import sys; engine, when = sys.argv[1:]"
        + GUEST
        + """
import signal, threading

def use(plugin):
    for name in ["traps", "divides", "bounds", "deep"] * 5:
        try:
            plugin.call(name)
        except extism.TrapError:
            continue
        raise AssertionError(name)

def work():
    if when == "before":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    plugin = make(lambda: None)
    use(plugin)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    assert (signal.SIGUSR1 in blocked) == (when == "before")
    use(plugin)
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    use(plugin)
    # What it starts inherits what it blocks.
    threads = [threading.Thread(target=use, args=(make(lambda: None),)) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_UNBLOCK, [])
    done.append(True)

done = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(done)
"""
    )
    assert output(program, engine, when) == "[True]\n"
