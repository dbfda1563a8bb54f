"""Calls that wait outside of the guest: deadlines, cancellation and Ctrl-C reach them there as well."""

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

import extism
from processes import output
from wat import ECHO

#: How late a call may end on a machine that is busy with other tests.
LATE = 5.0

# Requests what its input says.
GET = """(module
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (func $get (export "run") (drop (call $request (call $offset) (i64.const 0)))))"""

# Sleeps for an hour.
SLEEP = r"""(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\01")
  (func (export "run")
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"""

SPIN = '(module (func (export "run") (loop $again (br $again))))'

# Echoes its input after many turns of a loop, so that a cancellation can come in between.
SLOW_ECHO = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "run") (local $n i32)
    (local.set $n (i32.const 300000))
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $output (call $offset) (call $length))))"""


@pytest.fixture(scope="module")
def silence() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture(params=["a request", "a sleep"])
def waiting(request, engine, silence):
    """A plug-in whose `run` waits for ever, and the input that makes it do so."""
    if request.param == "a request":
        manifest = {"wasm": [{"data": GET.encode()}], "allowed_hosts": ["127.0.0.1"]}
        plugin = extism.Plugin(manifest, engine=engine)
        data = json.dumps({"url": silence})
    else:
        plugin = extism.Plugin(SLEEP, wasi=extism.Wasi(clock=0), engine=engine)
        data = ""
    with plugin:
        yield plugin, data


def test_a_wait_ends_at_the_time_limit(waiting):
    plugin, data = waiting
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(extism.TimeoutError, match="its time limit of 50 ms"):
            plugin.call("run", data, timeout=0.05)
        assert 0.05 <= time.monotonic() - start < LATE


def test_a_wait_is_cancelled(waiting):
    plugin, data = waiting
    threading.Timer(0.05, plugin.cancel_handle().cancel).start()
    with pytest.raises(extism.CancelledError) as raised:
        plugin.call("run", data, timeout=60)
    if raised.value.backtrace is not None:
        assert [frame.module for frame in raised.value.backtrace] == ["main"]
    else:
        assert "backtrace" not in extism.Engine(plugin.engine).capabilities


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_ends_a_wait(waiting):
    plugin, data = waiting
    for timeout in [None, 60]:
        pressed = []

        def press():
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.05, press).start()
        with pytest.raises(KeyboardInterrupt):
            plugin.call("run", data, timeout=timeout)
        assert time.monotonic() - pressed[0] < LATE


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM")
def test_a_signal_handler_sleeps_while_the_call_does(engine):
    """Both sleep in WASI, on one thread."""
    with (
        extism.Plugin(SLEEP, wasi=True, engine=engine) as outer,
        extism.Plugin(SLEEP, wasi=True, engine=engine) as inner,
    ):
        ended = []

        def handler(*_: object) -> None:
            try:
                inner.call("run", timeout=0.02)
            except extism.TimeoutError as late:
                ended.append(late)

        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            while not ended:
                with pytest.raises(extism.TimeoutError):
                    outer.call("run", timeout=0.2)
        finally:
            signal.signal(signal.SIGALRM, before)


def test_closing_while_a_call_is_cancelled(waiting):
    plugin, data = waiting
    outcomes = []

    def call():
        try:
            plugin.call("run", data)
        except extism.Error as error:
            outcomes.append(error.kind)

    threads = [threading.Thread(target=call) for _ in range(3)]
    handle, ended = plugin.cancel_handle(), threading.Event()
    [thread.start() for thread in threads]
    while not handle.cancel():
        time.sleep(0.001)

    def cancel():
        while not ended.is_set():
            handle.cancel()
            time.sleep(0.002)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    # Waits for its turn among the others.
    plugin.reset()
    plugin.close()
    [thread.join(60) for thread in threads]
    ended.set()
    canceller.join(60)
    assert len(outcomes) == 3
    assert set(outcomes) <= {"cancelled", "closed"} and "cancelled" in outcomes


def test_time_remaining(engine):
    guest = """(module (import "extism:host/user" "look" (func $look))
        (func (export "run") (call $look)))"""
    seen, kept = [], []

    @extism.host_fn(name="look", signature=([], []))
    def look(current, params, results):
        kept.append(current)
        seen.append(current.time_remaining)
        if seen[-1] is not None and seen[-1] < 1:
            time.sleep(0.2)
            seen.append(current.time_remaining)

    with extism.Plugin(guest, functions=[look], engine=engine) as plugin:
        plugin.call("run")
        plugin.call("run", timeout=60)
        with pytest.raises(extism.TimeoutError):
            plugin.call("run", timeout=0.05)
        plugin.call("run")
    assert (seen[0], seen[3:]) == (None, [0.0, None])
    assert 1 < seen[1] <= 60 and 0 < seen[2] <= 0.05
    with pytest.raises(extism.ClosedError, match="valid only"):
        _ = kept[0].time_remaining


def test_cancellations_at_any_moment(engine):
    """Many threads, some plug-ins, cancellations in between: every output is that of its input."""
    compiled = extism.CompiledPlugin(SLOW_ECHO, engine=engine)
    plugins = [extism.Plugin(compiled) for _ in range(3)]
    wrong, counts, over = [], {"ok": 0, "cancelled": 0, "timeout": 0}, threading.Event()

    def call(number):
        random_ = random.Random(number)
        for turn in range(60):
            text = f"{number} {turn} " + "x" * random_.randrange(2000)
            timeout = random_.choice([None, 60, 0.0005])
            try:
                found = random_.choice(plugins).call("run", text, timeout=timeout)
                kind = "ok"
                if found != text.encode():
                    wrong.append((text[:10], found[:10]))
            except extism.Error as error:
                kind = error.kind
            counts[kind] += 1

    def cancel():
        random_ = random.Random(0)
        handles = [plugin.cancel_handle() for plugin in plugins]
        while not over.is_set():
            random_.choice(handles).cancel()
            time.sleep(random_.random() / 200)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(5)]
    canceller = threading.Thread(target=cancel)
    [thread.start() for thread in [*callers, canceller]]
    [thread.join(120) for thread in callers]
    over.set()
    canceller.join(60)
    assert not any(thread.is_alive() for thread in callers)
    assert wrong == []
    assert sum(counts.values()) == 300 and counts["ok"] > 0
    for plugin in plugins:
        assert plugin.call("run", "after") == b"after"


PROGRAM = f"""
import json, os, signal, socket, sys, threading, time
import extism
engine = sys.argv[1]
GET, SLEEP, SPIN, ECHO = {GET!r}, {SLEEP!r}, {SPIN!r}, {ECHO!r}
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
request = json.dumps({{"url": f"http://127.0.0.1:{{listener.getsockname()[1]}}/"}})
manifest = {{"wasm": [{{"data": GET.encode()}}], "allowed_hosts": ["127.0.0.1"]}}
made = {{
    "request": lambda: (extism.Plugin(manifest, engine=engine), request),
    "sleep": lambda: (extism.Plugin(SLEEP, wasi=True, engine=engine), ""),
    "spin": lambda: (extism.Plugin(SPIN, engine=engine), ""),
}}

def time_out(plugin, data):
    try:
        plugin.call("run", data, timeout=0.03)
    except extism.TimeoutError:
        return
    raise AssertionError("it ended by itself")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("used", ["used before", "fresh"])
def test_waits_in_forked_children(engine, used):
    """Everything at once, in a child, a grandchild, and in the parent again."""
    program = PROGRAM + f"""
held = [make() for make in made.values()]
def all_of_it():
    for plugin, data in held:
        time_out(plugin, data)
    for make in made.values():
        time_out(*make())
    assert extism.Plugin(ECHO, engine=engine).call("echo", "x", timeout=60) == b"x"

def in_child(body):
    child = os.fork()
    if child == 0:
        signal.alarm(90)
        try:
            body()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

if {used == "used before"}:
    all_of_it()
def child():
    all_of_it()
    in_child(all_of_it)
in_child(child)
all_of_it()
print("done")
"""
    assert output(program, engine) == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_call_that_forks_keeps_its_time_limit(engine):
    """The child is in the middle of a call that its parent began, with its deadline and Ctrl-C."""
    program = PROGRAM + """
guest = '''(module
  (import "extism:host/user" "fork" (func $fork))
  (func (export "run") (call $fork) (loop $again (br $again))))'''
children = []
@extism.host_fn(name="fork", signature=([], []))
def fork(plugin, params, results):
    children.append(os.fork())
    if children[-1] == 0:
        signal.alarm(90)
        if ring:
            signal.signal(signal.SIGVTALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)

for ring, timeout, expected in [(False, 0.1, extism.TimeoutError), (True, None, KeyboardInterrupt)]:
    plugin = extism.Plugin(guest, functions=[fork], engine=engine)
    if ring:
        threading.Timer(0.1, plugin.cancel_handle().cancel).start()
    try:
        plugin.call("run", timeout=timeout)
    except (expected, extism.CancelledError) as error:
        if children[-1] == 0:
            os._exit(0 if type(error) is expected else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(children[-1], 0)[1]) == 0
print("done")
"""
    assert output(program, engine) == "done\n"


@pytest.mark.parametrize("what", ["request", "sleep", "spin"])
@pytest.mark.parametrize("timeout", ["60", "0.05", "None"])
def test_the_interpreter_ends_during_a_wait(engine, what, timeout):
    program = PROGRAM + f"""
plugin, data = made[{what!r}]()
def call():
    try:
        plugin.call("run", data, timeout={timeout})
    except extism.TimeoutError:
        pass
threading.Thread(target=call, daemon=True).start()
time.sleep(0.048)
print("end", flush=True)
"""
    assert output(program, engine) == "end\n"
