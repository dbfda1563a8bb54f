"""Pickles and copies of compiled plug-ins, of host functions and of engines."""

import copy
import json
import pickle
import threading
from typing import Annotated

import pytest

import extism
import pickled
from processes import output, run
from wat import ECHO, THROUGH_HOST, function, importing

I64 = extism.ValType.I64
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def again(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("name", pickled.FUNCTIONS)
def test_a_compiled_plugin_with_a_host_function(engine, name):
    function, expected = pickled.FUNCTIONS[name]
    compiled = pickled.compile(engine, name)
    for protocol in PROTOCOLS:
        loaded = pickle.loads(pickle.dumps(compiled, protocol))
        assert loaded is not compiled
        assert loaded.engine == compiled.engine
        assert pickled.call(loaded) == (engine, expected.encode())
    assert extism.Plugin(THROUGH_HOST, functions=[again(function)]).call("run", "x").decode() == expected


def test_it_loads_in_another_process(engine, tmp_path):
    for name, (_, expected) in pickled.FUNCTIONS.items():
        path = tmp_path / "compiled.pickle"
        path.write_bytes(pickle.dumps(pickled.compile(engine, name)))
        program = """
            import pickle, sys
            with open(sys.argv[1], "rb") as file:
                compiled = pickle.load(file)
            import pickled
            print(pickled.call(compiled))
        """
        assert output(program, str(path)) == f"{(engine, expected.encode())}\n"


def test_what_else_it_was_given(engine, guests, tmp_path):
    # The path of a module inside of a manifest stays a path, everything else is in the pickle.
    path = tmp_path / "echo.wat"
    path.write_text(ECHO)
    compiled = extism.CompiledPlugin({"wasm": [{"path": path}]}, engine=engine)
    data = pickle.dumps(compiled)
    path.write_text(ECHO.replace('"echo"', '"other"'))
    assert extism.Plugin(pickle.loads(data)).function_exists("other")
    whole = again(extism.CompiledPlugin(path, engine=engine))
    path.unlink()
    assert extism.Plugin(whole).function_exists("other")
    with pytest.raises(extism.ManifestError, match="cannot read"):
        pickle.loads(data)

    manifest = {
        "wasm": [{"path": guests / "c/c_zig_freestanding.wasm"}],
        "config": {"vowels": "xyz"},
        "memory": {"max_pages": 40},
    }
    functions = [extism.Function("hello_world", [I64], [I64], print)]
    loaded = again(extism.CompiledPlugin(manifest, functions=functions, engine=engine))
    plugin = extism.Plugin(loaded)
    assert plugin.call("count_vowels", "xyz", json.loads)["count"] == 3
    with pytest.raises(extism.MemoryLimitError):
        plugin.call("count_vowels", b"\0" * (41 << 16))

    text = function(
        "(call $host (i32.const 3))",
        importing("(param i32)", "proc_exit", "wasi_snapshot_preview1") + '(memory (export "memory") 1)',
    )
    with pytest.raises(extism.ExitError):
        extism.Plugin(again(extism.CompiledPlugin(text, wasi=True, engine=engine))).call("run")


def test_only_what_is_imported_is_pickled(engine):
    local = extism.Function("other", [I64], [I64], lambda *args: None)
    functions = [local, pickled.inferred]
    compiled = extism.CompiledPlugin(THROUGH_HOST, functions=functions, engine=engine)
    assert pickled.call(again(compiled)) == (engine, b"inferred x")


@pytest.fixture
def no_cloudpickle(monkeypatch):
    monkeypatch.setattr("extism._pickling._PICKLERS", ("no_cloudpickle",))


def test_what_another_process_cannot_find_is_refused(no_cloudpickle):
    def plain(plugin, params, results):
        ...

    @extism.host_fn("host")
    def inferred(text: str) -> str:
        return text

    functions = [
        inferred,
        extism.Function("host", [I64], [I64], plain),
        extism.Function("host", [I64], [I64], lambda plugin, params, results: None),
        extism.host_fn("host")(lambda: None),
    ]
    for host in functions:
        for value in [host, [host]]:
            with pytest.raises(extism.ArgumentError, match="host function `host` cannot be pickled"):
                pickle.dumps(value)
    for host in functions[:3]:
        with pytest.raises(extism.ArgumentError, match="top level of a module.*or install the package cloudpickle"):
            pickle.dumps(extism.CompiledPlugin(THROUGH_HOST, functions=[host]))


def local_functions():
    """Host functions that no other process can find, with what each does."""
    suffix = "!"

    @extism.host_fn("host")
    def inferred(text: str) -> str:
        return text + suffix

    @extism.host_fn("host")
    def with_plugin(plugin: extism.CurrentPlugin, value: Annotated[str, extism.Codec(bytes.decode)]) -> bytes:
        return f"{value}{plugin.config.get('mark', '?')}{suffix}".encode()

    @extism.host_fn("host", signature=([I64], [I64]), user_data="more")
    def explicit(plugin, params, results, more):
        plugin.return_string(results[0], plugin.input_string(params[0]) + more + suffix)

    @extism.host_fn("host")
    async def awaited(text: str) -> str:
        return text + "awaited" + suffix

    @extism.host_fn("host")
    def numbers(handle: int) -> int:
        return handle

    by_hand = extism.Function(
        "host", [I64], [I64], lambda plugin, params, results: plugin.return_string(results[0], "by hand" + suffix)
    )
    return {
        "inferred": (inferred, "x!"),
        "with the plug-in": (with_plugin, "x?!"),
        "explicit": (explicit, "xmore!"),
        "awaited": (awaited, "xawaited!"),
        "numbers": (numbers, "x"),
        "by hand": (by_hand, "by hand!"),
    }


@pytest.mark.parametrize("name", local_functions())
def test_local_functions_are_pickled_by_value(name, tmp_path):
    pytest.importorskip("cloudpickle", reason="needs the package cloudpickle")
    function, expected = local_functions()[name]
    compiled = extism.CompiledPlugin(THROUGH_HOST, functions=[function])
    assert extism.Plugin(compiled).call("run", "x").decode() == expected
    loaded = again(compiled)
    assert extism.Plugin(loaded).call("run", "x").decode() == expected
    assert extism.Plugin(again(loaded)).call("run", "x").decode() == expected
    assert type(again(function)) is type(function)
    path = tmp_path / "compiled.pickle"
    path.write_bytes(pickle.dumps(compiled))
    program = """
        import pickle, sys
        import extism
        with open(sys.argv[1], "rb") as file:
            print(extism.Plugin(pickle.load(file)).call("run", "x").decode())
    """
    assert output(program, str(path)) == f"{expected}\n"


def test_what_functions_share_they_share_where_they_are_loaded():
    pytest.importorskip("cloudpickle", reason="needs the package cloudpickle")
    seen = []

    @extism.host_fn("put")
    def put(value: int) -> None:
        seen.append(value)

    @extism.host_fn("count")
    def count() -> int:
        return len(seen)

    wat = """(module
      (import "extism:host/user" "put" (func $put (param i64)))
      (import "extism:host/user" "count" (func $count (result i64)))
      (func (export "run") (result i32)
        (call $put (i64.const 7)) (call $put (i64.const 8)) (i32.wrap_i64 (call $count))))"""
    loaded = again(extism.CompiledPlugin(wat, functions=[put, count]))
    with pytest.raises(extism.ReturnCodeError) as raised:
        extism.Plugin(loaded).call("run")
    assert raised.value.code == 2
    assert seen == []


def test_what_a_function_uses_has_to_be_pickled_as_well():
    pytest.importorskip("cloudpickle", reason="needs the package cloudpickle")
    lock = threading.Lock()

    @extism.host_fn("host")
    def host(text: str) -> str:
        with lock:
            return text

    with pytest.raises(extism.ArgumentError, match="host function `host` cannot be pickled by value, because of"):
        pickle.dumps(extism.CompiledPlugin(THROUGH_HOST, functions=[host]))


MAIN = """
import pickle, sys
from typing import Annotated
import extism

@extism.host_fn("host")
def host(text: str) -> Annotated[str, extism.Json]:
    return text + " from main"

from wat import THROUGH_HOST
with open(sys.argv[1], "wb") as file:
    pickle.dump(extism.CompiledPlugin(THROUGH_HOST, functions=[host]), file)
"""


def test_functions_of_a_program_go_by_value(tmp_path):
    """Another program has another `__main__`, as the workers of Dask, Ray and Spark do."""
    pytest.importorskip("cloudpickle", reason="needs the package cloudpickle")
    path, program = tmp_path / "compiled.pickle", tmp_path / "program.py"
    program.write_text("from __future__ import annotations\n" + MAIN)
    assert output(program, str(path)) == ""
    loading = """
        import pickle, sys
        import extism
        with open(sys.argv[1], "rb") as file:
            print(extism.Plugin(pickle.load(file)).call("run", "x"))
    """
    assert output(loading, str(path)) == "b'\"x from main\"'\n"


def test_without_cloudpickle_a_session_cannot_pickle_its_functions(tmp_path):
    """A notebook has no file that a worker could run to find them."""
    program = "import extism._pickling as p; p._PICKLERS = ('no_cloudpickle',)\n" + MAIN
    ended = run("-c", program, str(tmp_path / "compiled.pickle"))
    assert "ArgumentError: host function `host` cannot be pickled" in ended.stderr


def test_copies(engine):
    compiled = pickled.compile(engine)
    assert copy.copy(compiled) is compiled
    assert copy.deepcopy({"a": [compiled]})["a"][0] is compiled
    for host in [pickled.inferred, pickled.explicit]:
        assert copy.copy(host) is host
        assert copy.deepcopy(host) is host


def test_a_subclass_keeps_its_state(engine):
    named = pickled.Named(THROUGH_HOST, functions=[pickled.inferred], engine=engine)
    named.label = "mine"
    loaded = again(named)
    assert type(loaded) is pickled.Named
    assert loaded.label == "mine"
    assert pickled.call(loaded) == (engine, b"inferred x")


@pytest.mark.parametrize("deterministic", [False, True])
def test_engines(engine, deterministic):
    choice = extism.Engine(engine, deterministic=deterministic)
    for copied in (again(choice), copy.copy(choice), copy.deepcopy(choice)):
        assert copied == choice
        assert (str(copied), copied.deterministic) == (engine, deterministic)


def test_a_deterministic_plugin_stays_so(engine):
    choice = extism.Engine(engine, deterministic=True)
    compiled = pickled.compile(choice)
    assert repr(compiled) == f"<extism.CompiledPlugin for {engine}, deterministic>"
    assert repr(again(compiled)) == repr(compiled)
    assert pickled.call(again(compiled)) == pickled.call(compiled)


def test_a_wrong_pickle_is_an_error():
    data = pickle.dumps(pickled.compile(None)).replace(b"inferred", b"inferrex")
    with pytest.raises(AttributeError):
        pickle.loads(data)


def fetch(request: extism.HttpRequest) -> extism.HttpResponse:
    return extism.HttpResponse(200, {"x-test": "yes"}, b"answer")


def test_the_http_settings_are_pickled(engine, guests):
    wat = """(module
        (import "extism:host/env" "http_request" (func $send (param i64 i64) (result i64)))
        (import "extism:host/env" "http_headers" (func $headers (result i64)))
        (import "extism:host/env" "input_offset" (func $input (result i64)))
        (import "extism:host/env" "length" (func $length (param i64) (result i64)))
        (import "extism:host/env" "output_set" (func $output (param i64 i64)))
        (func (export "f") (local $h i64)
          (drop (call $send (call $input) (i64.const 0)))
          (local.set $h (call $headers))
          (call $output (local.get $h) (call $length (local.get $h)))))"""
    manifest = {"wasm": [{"data": wat.encode()}], "allowed_hosts": ["example.com"]}
    compiled = extism.CompiledPlugin(
        manifest, engine=engine, http_client=fetch, http_response_headers=True
    )
    for copied in (compiled, pickle.loads(pickle.dumps(compiled))):
        with extism.Plugin(copied) as plugin:
            assert plugin.call("f", '{"url": "http://example.com/"}') == b'{"x-test":"yes"}'


def test_the_wasi_settings_are_pickled(engine):
    wasi = extism.Wasi(
        args=["a", "b"], env={"K": "V"}, stdin=b"in", stdout="capture", capture_limit=5, clock=7, seed=8
    )
    copied = pickle.loads(pickle.dumps(wasi))
    assert (copied.args, copied.env, copied.stdin) == (["a", "b"], {"K": "V"}, b"in")
    wat = """(module
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "hello, world")
        (func (export "f") (result i32)
          (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 5))
          (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"""
    compiled = extism.CompiledPlugin(wat, wasi=wasi, engine=engine)
    for one in (compiled, pickle.loads(pickle.dumps(compiled))):
        with extism.Plugin(one) as plugin:
            plugin.call("f")
            assert plugin.stdout == b"hello"
    for off in (False, True):
        compiled = extism.CompiledPlugin("(module (func (export \"f\")))", wasi=off, engine=engine)
        assert extism.Plugin(pickle.loads(pickle.dumps(compiled))).call("f") == b""
