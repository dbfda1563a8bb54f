"""Forks, and every way in which `multiprocessing` makes processes."""

import sys

import pytest

from conftest import ENGINES, GUESTS
from processes import output

# What a process does with plug-ins: all of it in the parent, and again in the child.
PRELUDE = """
import os, signal, sys, threading, traceback
import extism
from pickled import I64
from wat import ECHO, THROUGH_HOST

SLEEP = '''(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\\\\01")
  (data (i32.const 26) "\\\\10")
  (func (export "sleep") (result i32)
    (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))'''
LOG = '''(module
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (func (export "log") (call $log (call $offset))))'''
engine, sqlite = sys.argv[1:]

def host(plugin, params, results):
    plugin.return_string(results[0], plugin.input_string(params[0]) + str(os.getpid()))

functions = [extism.Function("host", [I64], [I64], host)]
lines = []
log = extism.set_log_custom(lines.append, "info")

class Held:
    def __init__(self, **options):
        self.compiled = extism.CompiledPlugin(ECHO, engine=engine)
        self.echo = extism.Plugin(self.compiled)
        self.host = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
        self.sleep = extism.Plugin(SLEEP, True, engine=engine)
        self.log = extism.Plugin(LOG, engine=engine)
        self.sqlite = extism.Plugin(sqlite, True, engine=engine) if options.get("large") else None

    def use(self):
        assert self.echo.call("echo", "x") == b"x"
        assert extism.Plugin(self.compiled).call("echo", "y") == b"y"
        assert self.host.call("run", "pid ") == b"pid %d" % os.getpid()
        assert self.sleep.call("sleep") == b""
        self.log.call("log", f"from {os.getpid()}")
        log.drain()
        assert f"from {os.getpid()}" in lines[-1], lines
        if self.sqlite is not None:
            assert self.sqlite.call("version").startswith(b"3.")
        try:
            self.echo.call("nobody")
        except extism.UnknownFunctionError:
            pass

def in_child(body):
    child = os.fork()
    if child == 0:
        # A hang of the child ends as well.
        signal.alarm(90)
        try:
            body()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, status
"""

SQLITE = str(GUESTS / "sqlite/sqlite_plugin.wasm")

FORKS = {
    # What the parent has, the child uses; and it makes its own.
    "after use": """
        held = Held(large=True)
        held.use()
        def child():
            held.use()
            fresh = Held(large=True)
            fresh.use()
            held.echo.close()
        in_child(child)
        held.use()
        Held().use()
        in_child(child)
    """,
    "without use": """
        held = Held()
        in_child(held.use)
        in_child(lambda: Held().use())
        held.use()
    """,
    "of a child": """
        held = Held()
        held.use()
        def child():
            held.use()
            Held().use()
            in_child(lambda: (held.use(), Held().use()))
            held.use()
        in_child(child)
    """,
    "from another thread": """
        held = Held()
        held.use()
        failures = []
        def work():
            try:
                held.use()
                in_child(lambda: (held.use(), Held().use()))
            except BaseException as error:
                failures.append(error)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert failures == []
    """,
    # A thread that is not there in the child has the plug-in.
    "while another thread is inside": """
        entered, leave = threading.Event(), threading.Event()
        def waiting(plugin, params, results):
            entered.set()
            leave.wait(60)
            plugin.return_string(results[0], "whole")
        functions = [extism.Function("host", [I64], [I64], waiting)]
        made = [extism.Plugin(THROUGH_HOST, functions=functions, engine=engine) for _ in range(2)]
        outputs = []
        def work(plugin):
            outputs.append(plugin.call("run"))
        threads = [threading.Thread(target=work, args=(plugin,)) for plugin in made]
        [thread.start() for thread in threads]
        assert entered.wait(60)
        import time
        time.sleep(0.2)
        def child():
            for message in ["another thread was using the plug-in when the process was forked", "closed"]:
                try:
                    made[0].call("run")
                except extism.ClosedError as error:
                    assert message in str(error), error
                else:
                    raise AssertionError("it did not fail")
            made[1].close()
            made[1].close()
            leave.set()
            functions[0] = extism.Function("host", [I64], [I64], host)
            Held().use()
        in_child(child)
        leave.set()
        [thread.join(60) for thread in threads]
        assert outputs == [b"whole"] * 2
        assert made[0].call("run") == b"whole"
    """,
    # Both processes come back out of the guest.
    "in a host function": """
        pids = []
        def forking(plugin, params, results):
            pids.append(os.fork())
            if pids[0] == 0:
                signal.alarm(90)
            plugin.return_string(results[0], "child" if pids[0] == 0 else "parent")
        functions = [extism.Function("host", [I64], [I64], forking)]
        plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
        output = plugin.call("run")
        if pids[0] == 0:
            os._exit(0 if output == b"child" else 1)
        assert output == b"parent"
        assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
    """,
}


def program(body):
    lines = body.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return PRELUDE + "\n".join(line[indent:] for line in lines) + "\nprint('done')\n"


@pytest.mark.parametrize("name", FORKS)
def test_fork(engine, name):
    assert output(program(FORKS[name]), engine, SQLITE) == "done\n"


def test_fork_with_every_engine():
    body = """
        everything, names = [], engine.split()
        for engine in names:
            everything.append(Held())
            everything[-1].use()
        def child():
            global engine
            for held in everything:
                held.use()
            for engine in names:
                Held().use()
        in_child(child)
    """
    assert output(program(body), " ".join(ENGINES), SQLITE) == "done\n"


# The parent has compiled and called before; arguments and results are pickled.
POOL = """
import multiprocessing, sys
import extism, pickled

if __name__ == "__main__":
    method, engine = sys.argv[1:]
    compiled = pickled.compile(engine)
    assert pickled.call(compiled) == (engine, b"inferred x")
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        results = pool.starmap(pickled.call, [(compiled, str(n)) for n in range(6)])
        assert results == [(engine, f"inferred {n}".encode()) for n in range(6)], results
        made = [pool.apply(pickled.compile, (engine, name)) for name in pickled.FUNCTIONS]
        for compiled, (_, expected) in zip(made, pickled.FUNCTIONS.values()):
            assert pickled.call(compiled)[1].decode() == expected
        try:
            pool.apply(pickled.call, (compiled, 5))
        except extism.ArgumentError as error:
            assert "found a value of type int" in str(error)
        else:
            raise AssertionError("it does not fail")
        pool.close()
        pool.join()
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(engine, method, tmp_path):
    # Spawned processes import the main program from its file.
    path = tmp_path / "program.py"
    path.write_text(POOL)
    assert output(path, method, engine) == "done\n"


# A process id does not tell a child from its parent: both are the first of a namespace here.
NAMESPACES = """
import ctypes, os, signal, sys, time, traceback

NEWPID = 0x20000000
def first_of_a_namespace(body):
    if ctypes.CDLL(None, use_errno=True).unshare(NEWPID) != 0:
        print("not allowed:", os.strerror(ctypes.get_errno()))
        os._exit(0)
    child = os.fork()
    if child == 0:
        try:
            assert os.getpid() == 1
            body()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    # No alarm ends the first process of a namespace. With it end all others.
    end = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0, ended

def parent():
    import extism
    engine = sys.argv[1]
    ENDLESS = '(module (func (export "endless") (loop $l (br $l))))'
    def late(plugin):
        try:
            plugin.call("endless", timeout=0.05)
        except extism.TimeoutError:
            return
        raise AssertionError("it returned")
    used = extism.Plugin(ENDLESS, engine=engine)
    late(used)
    def child():
        late(used)
        # What this process has not compiled before.
        late(extism.Plugin(ENDLESS[:-1] + "(memory 1))", engine=engine))
        late(extism.Plugin(ENDLESS, engine=engine))
    first_of_a_namespace(child)

first_of_a_namespace(parent)
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are those of Linux")
def test_a_child_with_the_process_id_of_its_parent(engine):
    outcome = output(NAMESPACES, engine)
    if outcome.startswith("not allowed"):
        pytest.skip(outcome)
    assert outcome == "done\n"
