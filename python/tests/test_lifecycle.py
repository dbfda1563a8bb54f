"""The life and death of plug-ins: closing, collecting, and the end of the interpreter."""

import asyncio
import gc
import threading
import time
import weakref

import pytest

import extism
from processes import output, run
from wat import ECHO, THROUGH_HOST

I64 = extism.ValType.I64

# Turns a loop: some tenths of a second, in the guest alone.
SLOW = """(module
  (import "extism:host/user" "host" (func $host))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "slow") (local $i i64)
    (call $host)
    (loop $turn
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $turn (i64.lt_u (local.get $i) (i64.const 100000000))))
    (call $output (call $offset) (call $length))))"""


def test_close_waits_for_a_slow_guest(engine):
    entered = threading.Event()
    host = extism.Function("host", [], [], lambda *args: entered.set())
    plugin = extism.Plugin(SLOW, functions=[host], engine=engine)
    outputs = []
    thread = threading.Thread(target=lambda: outputs.append(plugin.call("slow", "whole")))
    thread.start()
    assert entered.wait(60)
    plugin.close()
    # It was let to its end.
    thread.join(60)
    assert outputs == [b"whole"]
    with pytest.raises(extism.ClosedError):
        plugin.call("slow")


def test_many_threads_close_and_call(engine):
    for _ in range(20):
        plugin = extism.Plugin(ECHO, engine=engine)
        start, wrong = threading.Barrier(6), []

        def call():
            start.wait()
            try:
                for _ in range(50):
                    if plugin.call("echo", "x" * 100) != b"x" * 100:
                        wrong.append("output")
            except extism.ClosedError:
                pass
            except BaseException as error:
                wrong.append(error)

        def close():
            start.wait()
            plugin.close()
            plugin.close()

        threads = [threading.Thread(target=work) for work in [call] * 4 + [close] * 2]
        [thread.start() for thread in threads]
        [thread.join(60) for thread in threads]
        assert wrong == []


def test_close_in_a_host_function_is_refused(engine):
    def host(current, params, results):
        with pytest.raises(extism.ReentrantError):
            plugin.close()
        with pytest.raises(extism.ReentrantError), plugin:
            pass
        current.return_string(results[0], "still here")

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
    assert plugin.call("run") == b"still here"
    assert plugin.call("run") == b"still here"
    plugin.close()
    plugin.close()


def test_the_last_reference_goes_in_a_host_function(engine):
    held = []

    def host(current, params, results):
        held.clear()
        gc.collect()
        current.return_string(results[0], "after")

    functions = [extism.Function("host", [I64], [I64], host)]
    held.append(extism.Plugin(THROUGH_HOST, functions=functions, engine=engine))
    reference = weakref.ref(held[0])
    assert held[0].call("run") == b"after"
    gc.collect()
    assert reference() is None


def test_another_plugin_dies_in_a_host_function(engine):
    def host(current, params, results):
        others.pop().close()
        del others[:]
        gc.collect()
        current.return_string(results[0], "fine")

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
    for _ in range(3):
        others = [extism.Plugin(THROUGH_HOST, functions=functions, engine=engine) for _ in range(3)]
        assert plugin.call("run") == b"fine"


@pytest.mark.parametrize("make", [extism.ExplicitFunction, extism.TypeInferredFunction])
def test_cycles_are_collected(engine, make):
    class Held:
        pass

    def cycle():
        held = Held()
        if make is extism.ExplicitFunction:

            def host(plugin, params, results):
                plugin.return_string(results[0], "x" if held.plugin else "")

            function = make(None, "host", [I64], [I64], host)
        else:

            def host(text: str) -> str:
                return "x" if held.plugin else ""

            function = make(None, "host", host)
        held.plugin = extism.Plugin(THROUGH_HOST, functions=[function], engine=engine)
        held.function = function
        function.extra = held
        assert held.plugin.call("run") == b"x"
        return [weakref.ref(one) for one in (held, held.plugin, function, host)]

    gc.collect()
    references = cycle()
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_a_buffer_outlives_everything(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    buffers = [plugin.call("echo", bytes([n]) * 5000, parse=None) for n in range(20)]
    plugin.reset()
    plugin.call("echo", b"z" * 100_000)
    plugin.close()
    del plugin
    gc.collect()
    others = [extism.Plugin(ECHO, engine=engine) for _ in range(5)]
    [other.call("echo", b"q" * 5000) for other in others]
    assert [bytes(buffer) for buffer in buffers] == [bytes([n]) * 5000 for n in range(20)]
    for buffer in buffers:
        # It stays as it is, whoever has it.
        assert isinstance(buffer, memoryview) and buffer.readonly and buffer.format == "B"
        with pytest.raises(TypeError):
            buffer[0] = 1
    assert plugin_free(buffers[3])
    assert extism.Plugin(ECHO, engine=engine).call("echo", "", parse=None) == b""


def plugin_free(buffer):
    """Whether a buffer is over Python's own memory: then nothing of a plug-in can change it."""
    return type(buffer.obj) is bytes


@pytest.mark.parametrize("parse, expected", [
    (str, "b'ab'"), (len, 2), (list, [97, 98]), (bytes, b"ab"), (bytearray, bytearray(b"ab")),
    (memoryview, b"ab"), (lambda output: output.decode(), "ab"), (type, bytes), (b"ab".__eq__, True),
])
def test_any_callable_parses(engine, parse, expected):
    plugin = extism.Plugin(ECHO, engine=engine)
    assert plugin.call("echo", "ab", parse) == plugin.call("echo", "ab", parse=parse) == expected


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, extism.GuestError])
def test_what_parse_raises_comes_out_as_itself(engine, error):
    thrown = error("mine")

    def parse(output):
        raise thrown

    plugin = extism.Plugin(ECHO, engine=engine)
    with pytest.raises(error) as raised:
        plugin.call("echo", "x", parse)
    assert raised.value is thrown
    assert raised.value.__cause__ is None
    assert plugin.call("echo", "x") == b"x"


def test_asyncio(engine):
    def host(plugin, params, results):
        # Somebody else runs meanwhile.
        time.sleep(0.01)
        plugin.return_string(results[0], plugin.input_string(params[0]) + "!")

    functions = [extism.Function("host", [I64], [I64], host)]

    async def main():
        plugins = [extism.Plugin(THROUGH_HOST, functions=functions, engine=engine) for _ in range(3)]
        calls = [
            asyncio.to_thread(plugin.call, "run", f"{n}{m}")
            for n, plugin in enumerate(plugins)
            for m in range(4)
        ]
        ticks, running = [], asyncio.ensure_future(asyncio.gather(*calls))
        while not running.done():
            ticks.append(None)
            await asyncio.sleep(0.001)
        return await running, ticks

    outputs, ticks = asyncio.run(main())
    assert outputs == [f"{n}{m}!".encode() for n in range(3) for m in range(4)]
    # The loop was not held up.
    assert len(ticks) > 3


# How a program ends while plug-ins live, in each of these ways.
ENDINGS = {
    "live plug-ins": "",
    "a cycle": "plugin.call('run'); me = [plugin]; me.append(me)",
    "a module that stays": "sys.modules['kept'] = plugin; plugin.call('run')",
    "at exit": "import atexit; atexit.register(lambda: plugin.call('run'))",
    "a destructor": """
class Late:
    def __del__(self):
        try:
            held.call('run')
        except extism.HostFunctionError as error:
            # Once Python says that it ends, which is not the same moment in every version.
            assert "the Python interpreter is shutting down" in str(error)
held, late = plugin, Late()
""",
    "an exit in a host function": "leave = True; plugin.call('run')",
    "a daemon thread in a guest": """
spinning = extism.Plugin(SPIN, functions=functions, engine=engine)
threading.Thread(target=spinning.call, args=('run',), daemon=True).start()
assert entered.wait(60)
""",
    "a daemon thread in a host function": """
import time
def wait(plugin, params, results):
    entered.set()
    time.sleep(1000)
waiting = extism.Plugin(THROUGH_HOST, functions=[extism.Function('host', [I64], [I64], wait)], engine=engine)
threading.Thread(target=waiting.call, args=('run',), daemon=True).start()
assert entered.wait(60)
""",
    "a daemon thread that waits for its turn": """
spinning = extism.Plugin(SPIN, functions=functions, engine=engine)
threads = [threading.Thread(target=spinning.call, args=('run',), daemon=True) for _ in range(2)]
[thread.start() for thread in threads]
assert entered.wait(60)
""",
    "daemon threads that trap": """
TRAPS = function("(drop (i32.load (i32.const -1)))", "(memory 1)")
trapping = extism.CompiledPlugin(TRAPS, engine=engine)
def forever():
    mine = extism.Plugin(trapping)
    while True:
        try:
            mine.call('run')
        except extism.TrapError:
            entered.set()
[threading.Thread(target=forever, daemon=True).start() for _ in range(3)]
assert entered.wait(60)
""",
    "daemon threads that come back": """
def forever():
    mine = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
    while True:
        mine.call('run')
[threading.Thread(target=forever, daemon=True).start() for _ in range(3)]
assert entered.wait(60)
import time; time.sleep(0.2)
""",
}

END = """
import sys, threading
import extism
from wat import THROUGH_HOST, function, importing
I64, engine = extism.ValType.I64, sys.argv[1]
SPIN = function("(drop (call $host (i64.const 0))) (loop $turn (br $turn))", importing("(param i64) (result i64)"))
entered, leave = threading.Event(), False
def host(plugin, params, results):
    entered.set()
    if leave:
        raise SystemExit(0)
    plugin.return_string(results[0], "x")
functions = [extism.Function("host", [I64], [I64], host)]
plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
compiled = extism.CompiledPlugin(THROUGH_HOST, functions=functions, engine=engine)
print("end", flush=True)
"""


@pytest.mark.parametrize("name", ENDINGS)
def test_the_interpreter_ends(engine, name):
    assert output(END + ENDINGS[name], engine) == "end\n"


def test_a_subinterpreter_is_refused_cleanly():
    """Python code of one interpreter must never meet objects of another."""
    program = """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import sys
        {first}
        inner = interpreters.create()
        text = '''if True:
            try:
                import extism
            except ImportError as error:
                print("refused:", error, flush=True)
            else:
                print("imported", flush=True)
        '''
        interpreters.run_string(inner, text)
        interpreters.destroy(inner)
        import extism
        print(extism.Plugin("(module (func (export \\"f\\")))").call("f"))
    """
    for first in ["", "import extism"]:
        ended = run("-c", "\n".join(line[8:] for line in program.format(first=first).splitlines()))
        assert ended.returncode == 0, ended
        lines = ended.stdout.splitlines()
        assert lines[-1] == "b''", ended
        assert lines[0].startswith("refused: "), ended
