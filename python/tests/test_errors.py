"""Errors: each kind has its class, its attributes, and one text on every engine."""

import re
import traceback
from pathlib import Path

import pytest

import extism
from conftest import ENGINES, GUESTS
from wat import ECHO, function, importing, round_trip, trap

C = GUESTS / "c/c_zig_freestanding.wasm"
SQLITE = GUESTS / "sqlite/sqlite_plugin.wasm"
I64 = extism.ValType.I64
ANY = [extism.Function("hello_world", [I64], [I64], print)]


class Boom(Exception):
    pass


def raising(error):
    def host(plugin, params, results):
        raise error

    return [extism.Function("host", [I64], [I64], host)]


CALL = round_trip("i64", "1")
EXIT = function(
    "(call $host (i32.const 3))",
    importing("(param i32)", "proc_exit", "wasi_snapshot_preview1") + '(memory (export "memory") 1)',
)
ERROR = """(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (func (export "run") (result i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 2)))
    (call $store (local.get $block) (i32.const 0x68))
    (call $store (i64.add (local.get $block) (i64.const 1)) (i32.const 0xff))
    (call $error (local.get $block))
    {end}))"""

# What fails, with which class, and a part of the text. Everything runs on every engine.
CREATION = {
    "no plug-in": ("", {}, extism.ManifestError, "manifest: it is empty"),
    "a path that is not there": ("nope.wasm", {}, extism.ManifestError, "manifest: `nope.wasm` is not a file"),
    "another path": (Path("nope.wasm"), {}, extism.ManifestError, "manifest: cannot read `nope.wasm`"),
    "a folder": (Path("."), {}, extism.ManifestError, "manifest: cannot read `.`"),
    "text": ("hello\nworld", {}, extism.ManifestError, "manifest: the text starts with"),
    "bytes": (b"\xff\xfe\x00\x01", {}, extism.InvalidModuleError, "module `main` is not a valid WebAssembly module: it does not start with the magic bytes"),
    "not a plug-in": (5, {}, extism.ArgumentError, "found a value of type int"),
    "a wrong field": ({"wasn": []}, {}, extism.ManifestError, "manifest: wasn: unknown field, allowed are `wasm`"),
    "a wrong field inside": ({"wasm": [{"path": "x", "pth": 1}]}, {}, extism.ManifestError, "manifest: wasm[0].pth: unknown field, allowed are `path`"),
    "a wrong type": ({"memory": {"max_pages": -1}}, {}, extism.ManifestError, "manifest: memory.max_pages: found the number -1, expected a whole number from 0 to 4294967295"),
    "a wrong number": ({"timeout_ms": 1.5}, {}, extism.ManifestError, "manifest: timeout_ms: found the number 1.5, expected a whole number"),
    "a huge number": ({"timeout_ms": 2**64}, {}, extism.ManifestError, "manifest: timeout_ms: found the number 18446744073709551616, expected a whole number from 0 to 18446744073709551615"),
    "bytes elsewhere": ({"config": {"a": b"x"}}, {}, extism.ManifestError, "manifest: config.a: found bytes, expected a text"),
    "a key": ({"config": {1: "x"}}, {}, extism.ManifestError, "manifest: config: found a value of type dict with a key of type int, expected an object of texts"),
    "no module": ({"wasm": []}, {}, extism.ManifestError, "manifest: wasm: no module is given"),
    "no source": ({"wasm": [{}]}, {}, extism.ManifestError, "manifest: wasm[0]: found none of them, expected exactly one of"),
    "two sources": ({"wasm": [{"data": b"", "path": "x"}]}, {}, extism.ManifestError, "manifest: wasm[0]: found `path` and `data`, expected exactly one of"),
    "a file in a manifest": ({"wasm": [{"path": "nope.wasm"}]}, {}, extism.ManifestError, "manifest: wasm[0].path: cannot read `nope.wasm`"),
    "several at once": ({"wasm": [{"path": 1}, {"data": {1, 2}}], "config": 5}, {}, extism.ManifestError, "manifest: 3 mistakes:\nwasm[0].path: found the number 1, expected a text\nwasm[1].data: found a value of type set, expected a text in base64\nconfig: found the number 5, expected an object of texts"),
    "an address": ({"wasm": [{"data": {"ptr": 4096, "len": 8}}]}, {}, extism.ManifestError, "manifest: wasm[0].data: found an address in the memory of the host, which a manifest must not read"),
    "toml": ("[config]\nk = 1", {}, extism.ManifestError, "manifest: config.k: found the number 1, expected a text"),
    "a hash": ({"wasm": [{"data": ECHO.encode(), "hash": "0" * 64}]}, {}, extism.ManifestError, "manifest: wasm[0].hash: the module has the SHA-256"),
    "config": (ECHO, {"config": {"a": "b", "number": 1}}, extism.ManifestError, "manifest: config.number: found the number 1, expected a text"),
    "config, null": ({"config": {"key": None}}, {}, extism.ManifestError, "manifest: config.key: found null, expected a text"),
    "config, no map": (ECHO, {"config": "x"}, extism.ManifestError, "manifest: config: found the text \"x\", expected an object of texts"),
    "broken text": ("(module (func)", {}, extism.InvalidModuleError, "wasm[0] is not valid WebAssembly text"),
    "a broken module": (b"\0asm\x01\0\0\0\xff", {}, extism.InvalidModuleError, "module `main`"),
    "a component": (b"\0asm\x0d\0\x01\0", {}, extism.InvalidModuleError, "module `main`"),
    "no module at all": ({"wasm": [{"data": b"hello \xff"}]}, {}, extism.InvalidModuleError, "module `main`"),
    "an invalid module": ('(module (func (result i32) i64.const 1))', {}, extism.InvalidModuleError, "module `main`"),
    "a missing import": (function("", '(import "a" "b" (func (param i32 f64) (result i64)))'), {}, extism.LinkError, "module `main` imports `a`::`b` (func (param i32 f64) (result i64)): nothing provides it"),
    "a missing memory": ('(module (import "a" "m" (memory 1)))', {}, extism.LinkError, "module `main` imports `a`::`m`"),
    "a missing builtin": (function("", importing("", "nothing", "extism:host/env")), {}, extism.LinkError, "the host has no function of that name"),
    "another type": (function("", importing("(param i32)", "hello_world")), {"functions": ANY}, extism.LinkError, "what the host provides has the type (func (param i64) (result i64))"),
    "no WASI": (EXIT, {}, extism.LinkError, "WASI is off for this plug-in"),
}  # fmt: skip

TRAPS = {
    "unreachable": "unreachable",
    "divide-by-zero": "(result i32) (i32.div_s (i32.const 1) (i32.const 0))",
    "integer-overflow": "(result i32) (i32.div_s (i32.const 0x80000000) (i32.const -1))",
    "bad-conversion": "(result i32) (i32.trunc_f64_s (f64.const nan))",
    "memory-out-of-bounds": "(result i32) (i32.load (i32.const 65536))",
    "table-out-of-bounds": "(call_indirect (i32.const 2))",
    "null-element": "(call_indirect (i32.const 1))",
    "bad-signature": "(call_indirect (type $other) (i64.const 0) (i32.const 0))",
    "stack-overflow": "(call $deep)",
}

# Plug-in, function, class, code, text.
CALLS = {
    "guest": (C, {"functions": ANY}, "fail", extism.GuestError, 7, "it failed"),
    "guest, text": (ERROR.format(end="(i32.const 0)"), {}, "run", extism.GuestError, None, "h\ufffd"),
    "guest, code": (ERROR.format(end="(i32.const -3)"), {}, "run", extism.GuestError, -3, "h\ufffd"),
    "guest, trap": (ERROR.format(end="unreachable"), {}, "run", extism.GuestError, None, "h\ufffd"),
    "guest, sqlite": (SQLITE, {"wasi": True}, "sql", extism.GuestError, 1, 'near "x": syntax error'),
    "return code": (function("(result i32) (i32.const -5)"), {}, "run", extism.ReturnCodeError, -5, "the guest function returned the error code -5"),
    "exit": (EXIT, {"wasi": True}, "run", extism.ExitError, 3, "3"),
    "trap": (C, {"functions": ANY}, "trap", extism.TrapError, None, "the guest trapped: unreachable executed"),
    "host function": (CALL, {"functions": raising(Boom("it \u00e4"))}, "run", extism.HostFunctionError, None, "host function `host` raised Boom: it \u00e4"),
    "host function, no text": (CALL, {"functions": raising(Boom())}, "run", extism.HostFunctionError, None, "host function `host` raised Boom"),
    "unknown function": (ECHO, {}, "nope", extism.UnknownFunctionError, None, "unknown function `nope`"),
    "a function with parameters": ('(module (func (export "f") (param i32)))', {}, "f", extism.UnknownFunctionError, None, "function `f` cannot be called: it has 1 parameters"),
    "memory limit": ({"wasm": [{"data": ECHO.encode()}], "memory": {"max_pages": 20}}, {}, "echo", extism.MemoryLimitError, None, "bytes do not fit into the kernel memory"),
}  # fmt: skip
INPUTS = {"guest, sqlite": "x", "memory limit": bytes(1 << 22)}


def attributes(error):
    return type(error), error.kind, error.code, error.trap, str(error)


def fails(act, cls, text):
    """Fails the same way on every engine; gives one of the errors."""
    errors = []
    for engine in ENGINES:
        with pytest.raises(extism.Error) as raised:
            act(engine)
        errors.append(raised.value)
    assert {type(error) for error in errors} == {cls}
    assert text in str(errors[0])
    assert len({attributes(error) for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize(("plugin", "options", "cls", "text"), CREATION.values(), ids=CREATION)
def test_creation(plugin, options, cls, text):
    error = fails(lambda engine: extism.Plugin(plugin, engine=engine, **options), cls, text)
    assert (error.plugin_id, error.function) == (None, None)
    assert isinstance(error, extism.Error)


@pytest.mark.parametrize(("plugin", "options", "name", "cls", "code", "text"), CALLS.values(), ids=CALLS)
def test_calls(plugin, options, name, cls, code, text, request):
    data = INPUTS.get(request.node.callspec.id, b"")
    ids = []

    def act(engine):
        made = extism.Plugin(plugin, engine=engine, **options)
        ids.append(made.id)
        made.call(name, data)

    error = fails(act, cls, text)
    assert error.code == code
    assert (error.plugin_id, error.function) == (ids[0], name)


@pytest.mark.parametrize(("name", "body"), TRAPS.items())
def test_traps(name, body):
    error = fails(lambda engine: extism.Plugin(trap(body), engine=engine).call("run"), extism.TrapError, "the guest trapped")
    assert (error.trap, error.code) == (name, None)


@pytest.mark.parametrize("end", ["(i32.const 0)", "(i32.const 3)", "unreachable"])
def test_the_text_of_a_guest_is_kept_as_bytes(engine, end):
    with pytest.raises(extism.GuestError) as raised:
        extism.Plugin(ERROR.format(end=end), engine=engine).call("run")
    assert str(raised.value) == "h\ufffd"
    assert raised.value.guest_text == b"h\xff"
    with pytest.raises(extism.TrapError) as raised:
        extism.Plugin(trap("unreachable"), engine=engine).call("run")
    assert raised.value.guest_text is None


def test_a_trap_behind_a_guest_error_is_its_cause(engine):
    with pytest.raises(extism.GuestError) as raised:
        extism.Plugin(ERROR.format(end="unreachable"), engine=engine).call("run")
    assert isinstance(raised.value.__cause__, extism.TrapError)
    assert raised.value.__cause__.trap == "unreachable"


def test_missing_files_have_their_own_cause():
    for plugin in [Path("nope.wasm"), {"wasm": [{"path": "nope.wasm"}]}]:
        with pytest.raises(extism.ManifestError) as raised:
            extism.Plugin(plugin)
        assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_every_failure_leaves_the_plugin_usable(engine):
    module = """(module
      (import "extism:host/user" "host" (func $host (param i64) (result i64)))
      (func (export "trap") unreachable)
      (func (export "code") (result i32) (i32.const 1))
      (func (export "host") (drop (call $host (i64.const 1))))
      (func (export "fine")))"""
    plugin = extism.Plugin(module, functions=raising(Boom()), engine=engine)
    for _ in range(3):
        for name in ["trap", "code", "host", "nope"]:
            with pytest.raises(extism.Error):
                plugin.call(name)
            assert plugin.call("fine") == b""


def test_host_exception_is_the_cause_with_its_traceback(engine):
    boom = Boom("deep")

    def deep():
        raise boom

    def host(plugin, params, results):
        deep()

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(CALL, functions=functions, engine=engine)
    with pytest.raises(extism.HostFunctionError) as raised:
        plugin.call("run")
    assert raised.value.__cause__ is boom
    frames = [frame.name for frame in traceback.extract_tb(boom.__traceback__)]
    assert frames[-2:] == ["host", "deep"]
    assert (raised.value.function, raised.value.plugin_id) == ("run", plugin.id)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_passes_through(engine, error):
    thrown = error("mine")
    plugin = extism.Plugin(CALL, functions=raising(thrown), engine=engine)
    with pytest.raises(error) as raised:
        plugin.call("run")
    assert raised.value is thrown
    with pytest.raises(error):
        plugin.call("run")


def test_exceptions_whose_text_fails(engine):
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    plugin = extism.Plugin(CALL, functions=raising(Mute()), engine=engine)
    with pytest.raises(extism.HostFunctionError, match="raised Mute, whose text cannot be shown"):
        plugin.call("run")


def test_a_manifest_that_contains_itself():
    manifest = {}
    manifest["config"] = manifest
    with pytest.raises(extism.ManifestError, match="nested too deep"):
        extism.Plugin(manifest)


def test_every_kind_has_its_class():
    source = GUESTS.parents[1] / "core/src/base/error.rs"
    body = re.search(r"impl ErrorKind \{.*?\n\}", source.read_text(), re.DOTALL)
    kinds = set(re.findall(r'=> "([a-z-]+)"', body[0]))
    subclasses = [*extism.Error.__subclasses__(), extism.EnginePanicError]
    classes = {cls.kind: cls for cls in subclasses}
    assert set(classes) == kinds
    for kind, cls in classes.items():
        words = kind.removesuffix("-error").split("-")
        assert cls.__name__ == "".join(word.title() for word in words) + "Error"
        assert getattr(extism, cls.__name__) is cls
        assert cls.__doc__
    assert issubclass(extism.TimeoutError, TimeoutError)
    assert issubclass(extism.EnginePanicError, extism.EngineError)
    assert "TimeoutError" not in extism.__all__
