"""Compiled plug-ins: many instances of one, what instances share, and what they refuse."""

import copy
import gc
import importlib
import pickle
import threading
import weakref

import pytest

import extism
from conftest import ENGINES
from wat import ECHO, THROUGH_HOST, function, importing, round_trip

I64 = extism.ValType.I64

# Counts its calls, in a global of its own.
COUNTER = """(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (global $count (mut i32) (i32.const 0))
  (func (export "run") (local $block i64)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (local.set $block (call $alloc (i64.const 1)))
    (call $store (local.get $block) (global.get $count))
    (call $output (local.get $block) (i64.const 1))))"""


def test_instances_share_no_state(engine):
    compiled = extism.CompiledPlugin(COUNTER, engine=engine)
    assert compiled.engine == engine
    one, two = extism.Plugin(compiled), extism.Plugin(compiled)
    assert one.engine == two.engine == compiled.engine
    assert one.id != two.id
    assert [one.call("run"), one.call("run"), two.call("run")] == [b"\1", b"\2", b"\1"]
    one.close()
    assert two.call("run") == b"\2"
    del compiled
    gc.collect()
    assert two.call("run") == b"\3"
    assert repr(extism.CompiledPlugin(ECHO, engine=engine)).startswith("<extism.CompiledPlugin for ")


def test_instances_stay_when_the_compiled_plugin_goes(engine):
    @extism.host_fn("host", signature=([I64], [I64]))
    def host(plugin, params, results):
        plugin.return_string(results[0], "here")

    plugin = extism.Plugin(extism.CompiledPlugin(THROUGH_HOST, False, [host], engine=engine))
    del host
    importlib.import_module("extism.host_fn").HOST_FN_REGISTRY.clear()
    gc.collect()
    assert plugin.call("run") == b"here"


def test_forms_and_errors(engine, tmp_path):
    path = tmp_path / "echo.wat"
    path.write_text(ECHO)
    for form in [ECHO, ECHO.encode(), path, str(path), {"wasm": [{"path": path}]}]:
        compiled = extism.CompiledPlugin(plugin=form, wasi=True, functions=[], engine=engine)
        assert extism.Plugin(compiled).call("echo", "x") == b"x"
    with pytest.raises(extism.InvalidModuleError):
        extism.CompiledPlugin(b"\0asm", engine=engine)
    with pytest.raises(extism.LinkError):
        extism.CompiledPlugin(THROUGH_HOST, functions=[], engine=engine)
    with pytest.raises(extism.UnknownEngineError):
        extism.CompiledPlugin(ECHO, engine="nobody")
    with pytest.raises(extism.ArgumentError, match="found a value of type CompiledPlugin"):
        extism.CompiledPlugin(extism.CompiledPlugin(ECHO, engine=engine))


def test_config_of_the_manifest(engine, guests):
    guest = guests / "c/c_zig_freestanding.wasm"
    manifest = {"wasm": [{"path": guest}], "config": {"vowels": "xyz"}}
    hello_world = extism.Function("hello_world", [I64], [I64], print)
    compiled = extism.CompiledPlugin(manifest, functions=[hello_world], engine=engine)
    assert b'"vowels":"xyz"' in extism.Plugin(compiled).call("count_vowels", "x").replace(b": ", b":")
    # Each instance has its own: what one adds, the next does not see.
    for config, vowels in [({"vowels": "ab"}, b"ab"), (None, b"xyz"), ({}, b"xyz"), ({"a": "b"}, b"xyz")]:
        output = extism.Plugin(compiled, config=config).call("count_vowels", "x")
        assert b'"vowels":"' + vowels + b'"' in output.replace(b": ", b":")
    with pytest.raises(extism.ManifestError, match="manifest: config.vowels: found the number 1, expected a text"):
        extism.Plugin(compiled, config={"vowels": 1})


def test_wasi_and_functions_have_been_decided(engine):
    compiled = extism.CompiledPlugin(ECHO, engine=engine)
    for name, given in {"wasi": [True, False, extism.Wasi()], "functions": [[], [extism.Function("f", [], [], print)]]}.items():
        for value in given:
            with pytest.raises(extism.ArgumentError, match=f"^{name}= is decided when a CompiledPlugin is made; leave it out$"):
                extism.Plugin(compiled, **{name: value})
    assert extism.Plugin(compiled, config={"a": "b"}).call("echo", "x") == b"x"


def test_engine_has_been_decided(engine):
    compiled = extism.CompiledPlugin(ECHO, engine=engine)
    assert extism.Plugin(compiled, engine=engine).call("echo", "x") == b"x"
    assert extism.Plugin(compiled, engine=extism.Engine(engine)).call("echo", "x") == b"x"
    for other in {str(extism.Engine(name)) for name in ENGINES} - {str(extism.Engine(engine))}:
        with pytest.raises(extism.ArgumentError, match=f"engine= is `{other}`, but the CompiledPlugin"):
            extism.Plugin(compiled, engine=other)
    with pytest.raises(extism.ArgumentError, match=f"engine= is `{engine}, deterministic`, but the"):
        extism.Plugin(compiled, engine=extism.Engine(engine, deterministic=True))


def test_any_thread_makes_instances(engine):
    compiled = extism.CompiledPlugin(COUNTER, engine=engine)
    outputs = []

    def work():
        for _ in range(10):
            plugin = extism.Plugin(compiled)
            outputs.append(plugin.call("run") + plugin.call("run"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert outputs == [b"\1\2"] * 40


def test_one_instance_in_the_host_function_of_another(engine):
    def host(plugin, params, results):
        depth = plugin.host_context()
        if depth:
            extism.Plugin(compiled).call("run", host_context=depth - 1)
        log.append(depth)

    log = []
    functions = [extism.Function("host", [I64], [I64], host)]
    compiled = extism.CompiledPlugin(round_trip("i64", "1"), functions=functions, engine=engine)
    extism.Plugin(compiled).call("run", host_context=3)
    assert log == [0, 1, 2, 3]


def test_dies_without_help(engine):
    module = function("(call $host (i64.const 1))", importing("(param i64)"))

    def make():
        def host(plugin, params, results):
            return compiled, plugins

        compiled = extism.CompiledPlugin(
            module, functions=[extism.Function("host", [I64], [], host)], engine=engine
        )
        plugins = [extism.Plugin(compiled) for _ in range(2)]
        [plugin.call("run") for plugin in plugins]
        return [weakref.ref(one) for one in [compiled, *plugins]]

    # The compiled plug-in, its function and its instances hold each other.
    references = make()
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


@pytest.mark.parametrize("use", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_plugin_is_not_copied(engine, use):
    plugin = extism.Plugin(ECHO, engine=engine)
    with pytest.raises(extism.ArgumentError, match="cannot be copied or pickled; make another one"):
        use(plugin)
    with pytest.raises(TypeError):
        use(plugin)
    assert plugin.call("echo", "x") == b"x"


@pytest.mark.parametrize("given", [{"limits": extism.Limits()}, {"cache": False}, {"diagnostics": extism.Diagnostics()}])
def test_what_was_decided_when_it_was_compiled_is_not_given_again(given):
    [name] = given
    with pytest.raises(extism.ArgumentError, match=f"{name}= is decided when a CompiledPlugin is made"):
        extism.Plugin(extism.CompiledPlugin(ECHO), **given)
