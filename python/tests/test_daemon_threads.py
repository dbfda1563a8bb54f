"""Daemon threads that go on while the interpreter ends: the process ends as if they were not there.

Python 3.13 and older end such a thread when it wants the GIL, wherever that is.
"""

import os

import pytest

from conftest import ENGINES
from processes import output

START = """
import gc, logging, os, sys, threading, time
import extism
from extism import Function, ValType
from wat import ECHO, THROUGH_HOST, function
engine = sys.argv[1]
sys.setswitchinterval(1e-5)
def nap(*_):
    time.sleep(0.0005)
class Napping:
    def __del__(self):
        nap()
    def __call__(self, *_):
        pass
    def __fspath__(self):
        nap()
        return "/does/not/exist.wasm"
def echo():
    return extism.Plugin(ECHO, engine=engine)
def napped(result):
    nap()
    return result
def items():
    while True:
        nap()
        yield "x"
I64 = ValType.I64
HOST = '(module (import "extism:host/user" "host" (func $h {type})) (func (export "run") {call}))'
NUMBERS = HOST.format(type="(param i64) (result i64)", call="(drop (call $h (i64.const 1)))")
"""

# What each of four threads does again and again, after what is done once.
WAYS = {
    "an explicit host function": """
        hosts = [Function("host", [I64], [I64], lambda *_: nap())]
        plugin = extism.Plugin(NUMBERS, functions=hosts, engine=engine)
        ---
        plugin.call("run")
    """,
    "an inferred host function": """
        @extism.host_fn("host")
        def host(text: str) -> str:
            return napped(text)
        plugin = extism.Plugin(THROUGH_HOST, engine=engine)
        ---
        plugin.call("run", "x")
    """,
    "a host function of numbers": """
        @extism.host_fn("host")
        def host(n: int) -> int:
            return napped(n)
        plugin = extism.Plugin(NUMBERS, engine=engine)
        ---
        plugin.call("run")
    """,
    "a host function that raises": """
        @extism.host_fn("host")
        def host(n: int) -> int:
            nap()
            raise ValueError("no")
        plugin = extism.Plugin(NUMBERS, engine=engine)
        ---
        try:
            plugin.call("run")
        except extism.HostFunctionError:
            pass
    """,
    "an async host function": """
        import asyncio
        @extism.host_fn("host")
        async def host(n: int) -> int:
            await asyncio.sleep(0.0005)
            return n
        plugin = extism.Plugin(NUMBERS, engine=engine)
        ---
        plugin.call("run")
    """,
    "a host function that Python calls": """
        @extism.host_fn("host")
        def host(text: str) -> str:
            return napped(text)
        ---
        host("x")
    """,
    "parse": 'plugin = echo()\n---\nplugin.call("echo", "x", napped)',
    "a bound function": 'bound = echo().function("echo")\n---\nbound("x", napped)',
    "a batch": 'bound = echo().function("echo")\n---\nbound.batch(items())',
    "a map": 'bound = echo().function("echo")\n---\nfor _ in bound.map(items()): pass',
    "a compiled function": """
        compiled = extism.CompiledPlugin(ECHO, engine=engine).function("echo")
        ---
        compiled.batch(["x", "y"])
    """,
    "logging": """
        from test_log import LOG
        logger = logging.getLogger("extism")
        logger.addHandler(logging.NullHandler())
        logger.addFilter(napped)
        extism.set_log_file(os.devnull, "trace")
        plugin = extism.Plugin(LOG, engine=engine)
        ---
        plugin.call("error", "x")
    """,
    "a custom log": """
        from test_log import LOG
        log = extism.set_log_custom(nap, "trace")
        plugin = extism.Plugin(LOG, engine=engine)
        ---
        plugin.call("error", "x")
        log.drain()
    """,
    "variables": """
        plugin = echo()
        ---
        plugin.vars["a"] = b"x"
        list(plugin.vars.items())
        plugin.config.update({"a": "b"})
    """,
    "an HTTP client": """
        def client(request):
            return extism.HttpResponse(200, {}, napped(b"x"))
        WAT = '''(module
            (import "extism:host/env" "input_offset" (func $offset (result i64)))
            (import "extism:host/env" "http_request" (func $ask (param i64 i64) (result i64)))
            (func (export "run") (drop (call $ask (call $offset) (i64.const 0)))))'''
        manifest = {"wasm": [{"data": WAT.encode()}], "allowed_hosts": ["*"]}
        plugin = extism.Plugin(manifest, engine=engine, http_client=client)
        ---
        plugin.call("run", '{"url": "http://example.org/", "method": "GET"}')
    """,
    "errors": """
        plugin = extism.Plugin(function("unreachable"), engine=engine)
        ---
        try:
            plugin.call("run")
        except extism.TrapError as error:
            str(error)
    """,
    "a path": """
        ---
        try:
            extism.Plugin(Napping(), engine=engine)
        except extism.ManifestError:
            pass
    """,
    "making plug-ins": 'compiled = extism.CompiledPlugin(ECHO, engine=engine)\n---\nextism.Plugin(compiled).call("echo")',
    "a pool": """
        pool = extism.Pool(extism.CompiledPlugin(ECHO, engine=engine), max_instances=2)
        ---
        with pool.get() as plugin:
            plugin.call("echo")
            nap()
    """,
    "destructors": '---\nFunction("host", [I64], [I64], Napping())',
    "the garbage collector": """
        plugin = echo()
        ---
        cycle = [plugin.function("echo"), Napping()]
        cycle.append(cycle)
        cycle[0]("x", napped)
        del cycle
        gc.collect(0)
    """,
    "inspecting": "---\nextism.inspect(ECHO).to_dict()",
}

END = """
def work():
    while True:
        repeat()
for _ in range(3):
    child = os.fork()
    if not child:
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("way", WAYS)
def test_the_process_ends_well(way):
    once, again = (
        "\n".join(line[8:] if line.startswith("        ") else line for line in part.splitlines())
        for part in WAYS[way].split("---")
    )
    repeat = "\n".join(["def repeat():", *(f"    {line}" for line in again.splitlines())])
    assert output("\n".join([START, once, repeat, END]), ENGINES[0]) == "7\n" * 3
