"""The official Python SDK with its library replaced by ours. `make c-sdk` runs it, once for each engine.

What is tested is what the SDK offers and both libraries promise; only what differs on purpose is said to.
"""

import json
import os
import threading
import time
from pathlib import Path

import extism
import pytest
from extism.extism import CancelHandle, CompiledPlugin

ROOT = Path(__file__).resolve().parents[3]
AS_PDK = (ROOT / "tests/guests/assemblyscript/as_pdk.wasm").read_bytes()

PLAIN = """(module
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "input_length" (func $size (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "log_error" (func $log (param i64)))
  (func (export "echo") (result i32) (call $output (call $input) (call $size)) (i32.const 0))
  (func (export "fail") (result i32) (call $error (call $input)) (i32.const 1))
  (func (export "code") (result i32) (i32.const 7))
  (func (export "trap") (result i32) unreachable)
  (func (export "log") (call $log (call $input)))
  (func (export "spin") (loop (br 0))))"""

NUMBERS = """(module
  (import "extism:host/user" "number" (func $f (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "run") (result i32) (local $p i64)
    (local.set $p (call $f (call $input)))
    (call $output (local.get $p) (call $length (local.get $p))) (i32.const 0)))"""


@pytest.fixture
def plain():
    with extism.Plugin(PLAIN, functions=[]) as plugin:
        yield plugin


def hello(plugin, inputs, outputs, *data):
    plugin.return_string(outputs[0], plugin.input_string(inputs[0]).upper())


def text_function(name, body, *data):
    i64 = [extism.ValType.I64]
    make = extism.host_fn(name=name, signature=(i64, i64), user_data=list(data) or None)
    return make(body)


def test_it_is_our_library():
    assert "polyextism" in extism.extism_version()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)), b"long" * 100_000, "text"])
def test_bytes_there_and_back(plain, data):
    assert plain.call("echo", data) == (data.encode() if isinstance(data, str) else data)


def test_a_call_can_be_repeated(plain):
    for number in range(200):
        assert plain.call("echo", str(number)) == str(number).encode()


def test_parse(plain):
    assert plain.call("echo", b'{"a": [1]}', parse=lambda output: json.loads(bytes(output))) == {"a": [1]}


def test_function_exists(plain):
    assert plain.function_exists("echo") and not plain.function_exists("missing")


def test_ids_differ(plain):
    with extism.Plugin(PLAIN, functions=[]) as other:
        assert plain.id != other.id


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("fail", "why not"),
        ("code", "Error code: 7"),
        ("trap", "error while executing at wasm backtrace"),
        ("missing", "Function not found: missing"),
    ],
)
def test_errors(plain, function, text):
    with pytest.raises(extism.Error, match=text):
        plain.call(function, b"why not")
    assert plain.call("echo", b"again") == b"again"


@pytest.mark.parametrize("plugin", ["nonsense", b"\0asm\1\0\0\0\1", {"wasm": []}, {"wasm": [{"path": "/nowhere/at.all"}]}])
def test_plugins_that_cannot_be_made(plugin):
    with pytest.raises(extism.Error, match="Unable to compile Extism plugin"):
        extism.Plugin(plugin, functions=[])


def test_unknown_import():
    with pytest.raises(extism.Error, match="unknown import: `extism:host/user::number` has not been defined"):
        extism.Plugin(NUMBERS, functions=[])


def test_manifest_and_config():
    function = text_function("hello_world", hello)
    manifest = {"wasm": [{"data": AS_PDK}], "config": {"vowels": "e"}}
    with extism.Plugin(manifest, functions=[function]) as plugin:
        assert json.loads(plugin.call("count_vowels", "eee a"))["count"] == 3
    with extism.Plugin(manifest, functions=[function], config={"vowels": "a"}) as plugin:
        assert json.loads(plugin.call("count_vowels", "eee a"))["count"] == 1


def test_a_wrong_hash():
    with pytest.raises(extism.Error, match="(?i)hash"):
        extism.Plugin({"wasm": [{"data": AS_PDK, "hash": "0" * 64}]}, functions=[])


def test_variables_persist():
    with extism.Plugin(AS_PDK, functions=[text_function("hello_world", hello)]) as plugin:
        totals = [json.loads(plugin.call("count_vowels", "aa"))["total"] for _ in range(3)]
        assert totals == [2, 4, 6]


def test_host_function():
    with extism.Plugin(AS_PDK, functions=[text_function("hello_world", hello)]) as plugin:
        assert plugin.call("call_host", "hi") == b"AS got: HI"


def test_host_function_by_annotations():
    @extism.host_fn(name="number")
    def number(text: str) -> str:
        return text[::-1]

    with extism.Plugin(NUMBERS, functions=[number]) as plugin:
        assert plugin.call("run", "abc") == b"cba"


def test_user_data_and_host_context():
    seen = []

    def body(plugin, inputs, outputs, *data):
        seen.append((data, plugin.host_context()))
        plugin.return_bytes(outputs[0], plugin.input_bytes(inputs[0]))

    with extism.Plugin(NUMBERS, functions=[text_function("number", body, "one", 2)]) as plugin:
        assert plugin.call("run", b"x", host_context={"k": 1}) == b"x"
        assert plugin.call("run", b"x") == b"x"
    assert seen == [(("one", 2), {"k": 1}), (("one", 2), None)]


def test_memory_of_a_host_function():
    def body(plugin, inputs, outputs, *data):
        given = plugin.memory_at_offset(inputs[0])
        memory = plugin.alloc(3 << 20)
        view = plugin.memory(memory)
        view[0:3] = b"big"
        plugin.free(plugin.alloc(10))
        assert bytes(plugin.memory(given)) == b"given"
        small = plugin.alloc(3)
        plugin.memory(small)[:] = bytes(view[0:3])
        outputs[0].value = small.offset

    with extism.Plugin(NUMBERS, functions=[text_function("number", body)]) as plugin:
        assert plugin.call("run", b"given") == b"big"


def test_compiled_plugin():
    compiled = CompiledPlugin(PLAIN, functions=[])
    plugins = [extism.Plugin(compiled) for _ in range(5)]
    del compiled
    for number, plugin in enumerate(plugins):
        assert plugin.call("echo", str(number)) == str(number).encode()


def test_time_limit():
    with extism.Plugin({"wasm": [{"data": PLAIN.encode()}], "timeout_ms": 100}, functions=[]) as plugin:
        start = time.monotonic()
        with pytest.raises(extism.Error, match="timeout"):
            plugin.call("spin", b"")
        assert time.monotonic() - start < 3


def test_cancel(plain):
    handle = plain.cancel_handle()
    assert isinstance(handle, CancelHandle)
    timer = threading.Timer(0.2, handle.cancel)
    timer.start()
    with pytest.raises(extism.Error, match="timeout"):
        plain.call("spin", b"")
    timer.join()
    assert plain.call("echo", b"x") == b"x"


def test_threads_on_one_plugin_keep_their_outputs_apart(plain):
    wrong = []

    def work(name):
        for number in range(200):
            text = f"{name}-{number}".encode()
            if plain.call("echo", text) != text:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_fork():
    with extism.Plugin({"wasm": [{"data": PLAIN.encode()}], "timeout_ms": 200}, functions=[]) as plugin:
        assert plugin.call("echo", b"x") == b"x"
        child = os.fork()
        if child == 0:
            try:
                plugin.call("spin", b"")
            except extism.Error:
                os._exit(0 if plugin.call("echo", b"y") == b"y" else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_wasi():
    wat = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "three") (call $exit (i32.const 3))))"""
    with pytest.raises(extism.Error, match="wasi_snapshot_preview1"):
        extism.Plugin(wat, functions=[])
    with extism.Plugin(wat, wasi=True, functions=[]) as plugin, pytest.raises(extism.Error):
        plugin.call("three", b"")


def test_log(plain):
    lines = []
    log = extism.set_log_custom(lambda line: lines.append(line), "error")
    plain.call("log", b"a line")
    log.drain()
    assert len(lines) == 1 and "a line" in lines[0] and str(plain.id) in lines[0]
