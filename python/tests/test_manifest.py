"""Manifests as typed objects, as TOML, and their JSON Schema."""

import dataclasses
import hashlib
import json
import os
import pickle
import types

import pytest

import extism
from wat import ECHO

WASM = ECHO.encode()
HASH = hashlib.sha256(WASM).hexdigest()

LIBRARY = '(module (func (export "seven") (result i32) (i32.const 7)))'
MAIN = """(module
  (import "lib" "seven" (func $seven (result i32)))
  (func (export "run") (result i32) (call $seven)))"""


def toml(path):
    return f"[config]\na = 'b'\n\n[[wasm]]\npath = '{path}'\n"


FORMS = {
    "object": lambda path: extism.Manifest([extism.Wasm.data(WASM)]),
    "object, text": lambda path: extism.Manifest([extism.Wasm.data(ECHO)]),
    "object, buffer": lambda path: extism.Manifest([extism.Wasm.data(memoryview(WASM))]),
    "object, hash": lambda path: extism.Manifest([extism.Wasm.data(WASM, hash=HASH.upper())]),
    "object, path": lambda path: extism.Manifest((extism.Wasm.file(path, name="x"),)),
    "object, path text": lambda path: extism.Manifest([extism.Wasm.file(str(path))]),
    "objects in a dict": lambda path: {"wasm": [extism.Wasm.file(path)], "memory": extism.MemoryOptions(9)},
    "mapping": lambda path: types.MappingProxyType({"wasm": [{"path": path}]}),
    "older names": lambda path: {"wasm": [{"path": path}], "memory": {"max": 9}},
    "toml text": toml,
    "toml text, a line": lambda path: f"wasm = [{{ path = '{path}' }}]",
    "toml bytes": lambda path: toml(path).encode(),
    "toml file": lambda path: written(path.parent / "manifest.toml", toml(path)),
    "toml file, text": lambda path: str(written(path.parent / "manifest.toml", toml(path))),
    "json with a mark": lambda path: "\ufeff" + json.dumps({"wasm": [{"path": str(path)}]}),
}


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_a_manifest(engine, form, tmp_path):
    path = written(tmp_path / "echo.wat", ECHO)
    for cls in (lambda plugin: extism.Plugin(plugin, engine=engine), compiled(engine)):
        with cls(form(path)) as plugin:
            assert plugin.call("echo", b"\0\xff") == b"\0\xff"


def compiled(engine):
    return lambda plugin: extism.Plugin(extism.CompiledPlugin(plugin, engine=engine))


def test_every_field(engine, tmp_path):
    manifest = extism.Manifest(
        wasm=[extism.Wasm.data(LIBRARY, name="lib"), extism.Wasm.data(MAIN)],
        memory=extism.MemoryOptions(max_pages=5, max_http_response_bytes=6, max_var_bytes=60),
        config={"k": "v"},
        allowed_hosts=["*.example.com"],
        allowed_paths={f"ro:{tmp_path}": "/"},
    )
    plugin = extism.Plugin(manifest, wasi=True, engine=engine)
    with pytest.raises(extism.ReturnCodeError) as raised:
        plugin.call("run")
    assert raised.value.code == 7
    assert dict(plugin.config) == {"k": "v"}
    plugin.vars["k"] = b"x" * 11
    with pytest.raises(extism.ArgumentError, match="61 bytes are needed, the limit is 60"):
        plugin.vars["k"] = b"x" * 12


@pytest.mark.parametrize("mode", ["", "ro:"])
def test_folders_that_are_none(engine, tmp_path, mode):
    file = tmp_path / "file"
    file.write_text("a file")
    for path in [tmp_path / "nothing", file, file / "below"]:
        manifest = extism.Manifest([extism.Wasm.data(WASM)], allowed_paths={f"{mode}{path}": "/"})
        with pytest.raises(extism.ManifestError) as raised:
            extism.Plugin(manifest, wasi=True, engine=engine)
        assert f"cannot open the folder `{path}`: there is no such folder" in str(raised.value)
        assert f"allowed_paths.{mode}{path}" in str(raised.value)


# Mistakes are found where a manifest is used, as in every other form of it.
MISTAKES = {
    "no module": (extism.Manifest([]), "wasm: no module is given"),
    "a type": (extism.Manifest([extism.Wasm.data(WASM)], timeout_ms="5"), 'timeout_ms: found the text "5", expected'),
    "a number": (extism.Manifest([], extism.MemoryOptions(-1)), "memory.max_pages: found the number -1"),
    "a hash": (extism.Manifest([extism.Wasm.data(WASM, hash="x")]), 'wasm[0].hash: found the text "x"'),
    "another hash": (extism.Manifest([extism.Wasm.data(WASM, hash="0" * 64)]), "wasm[0].hash: the module has the SHA-256"),
    "no list": (extism.Manifest("x.wasm"), 'wasm: found the text "x.wasm", expected a list'),
    "a path": (extism.Manifest([extism.Wasm.file(5)]), "wasm[0].path: found the number 5, expected a text"),
    "headers": (
        extism.Manifest([extism.Wasm(("path", "x"), headers={"a": "b"})]),
        "wasm[0].headers: allowed only beside `url`",
    ),
    "modules": (extism.Manifest([extism.Wasm.data(WASM)] * 65), "wasm: found 65 modules, at most 64 are allowed"),
    "same names": (
        extism.Manifest([extism.Wasm.data(WASM, name="a")] * 3),
        "wasm[1].name: there are two modules `a`",
    ),
}


@pytest.mark.parametrize("manifest, text", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(engine, manifest, text):
    with pytest.raises(extism.ManifestError) as raised:
        extism.Plugin(manifest, engine=engine)
    assert str(raised.value).startswith(f"manifest: {text}")


def test_a_path_that_is_no_text(engine, tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff.wat")
    with open(path, "wb") as file:
        file.write(WASM)
    text = os.fsdecode(path)
    wasm = extism.Wasm.file(type(tmp_path)(text))
    manifests = [
        text,
        type(tmp_path)(text),
        extism.Manifest([wasm]),
        {"wasm": [{"path": text}]},
        {"wasm": [{"path": type(tmp_path)(text)}]},
    ]
    for manifest in manifests:
        assert extism.Plugin(manifest, engine=engine).call("echo", "x") == b"x"
        compiled = extism.CompiledPlugin(manifest, engine=engine)
        assert extism.Plugin(compiled.manifest, engine=engine).call("echo", "x") == b"x"
        again = pickle.loads(pickle.dumps(compiled))
        assert extism.Plugin(again).call("echo", "x") == b"x"
        assert extism.inspect(manifest).exports
    with pytest.raises(extism.ManifestError, match="cannot read"):
        extism.CompiledPlugin(text + ".not", engine=engine)
    with pytest.raises(extism.ManifestError, match="name"):
        extism.Plugin({"wasm": [{"path": text, "name": os.fsdecode(b"\xff")}]}, engine=engine)


def test_objects_are_values():
    wasm = extism.Wasm.url("https://example.com/a.wasm", method="POST", headers={"a": "b"}, name="n")
    assert wasm == dataclasses.replace(wasm)
    assert wasm != dataclasses.replace(wasm, name="m")
    assert extism.MemoryOptions() == extism.MemoryOptions(None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        extism.Manifest([wasm]).timeout_ms = 5


def test_schema():
    schema = extism.Manifest.schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    fields = {field.name for field in dataclasses.fields(extism.Manifest)}
    assert set(schema["properties"]) == fields
    memory = {field.name for field in dataclasses.fields(extism.MemoryOptions)}
    assert set(schema["$defs"]["Memory"]["properties"]) == memory | {"max"}
    assert {"name", "hash", "method", "headers"} < set(schema["$defs"]["Wasm"]["properties"])


def test_limits():
    """The default lets through what strict limits refuse; the refusal says what to raise."""
    many = "(module " + "(func)" * 60_000 + ")"
    strict = extism.Limits.strict()
    with pytest.raises(extism.InvalidModuleError) as refused:
        extism.Plugin(many, limits=strict)
    said = "module `main` has 60000 functions, at most 50000 are allowed; raise the limit `compile_cost` to 120"
    assert str(refused.value) == said
    extism.Plugin(many, limits=extism.Limits.strict(compile_cost=120))
    extism.Plugin(many)
    with pytest.raises(extism.InvalidModuleError, match="raise the limit `module_bytes` to"):
        extism.Plugin(many, limits=extism.Limits(module_bytes=1000))
    with pytest.raises(extism.MemoryLimitError, match="raise the limit `memory_pages`"):
        extism.Plugin("(module (memory 9))", limits=extism.Limits(memory_pages=8)).call("f")
    for wrong in (-1, 2**64, 1.5, "1"):
        with pytest.raises(extism.ArgumentError, match="limits: compile_cost: expected a number from 0"):
            extism.Plugin(many, limits=extism.Limits(compile_cost=wrong))


def test_forbidden_features(engine):
    """A module that uses what the host forbids is refused by its name; other modules run."""
    limits = extism.Limits(forbidden=["bulk-memory", "multi-value"])
    fill = '(module (memory 1) (func (export "f") (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))'
    plain = '(module (func (export "f") (drop (i32.extend8_s (i32.const 1)))))'
    for make in [extism.Plugin, extism.CompiledPlugin]:
        with pytest.raises(extism.InvalidModuleError) as raised:
            make(fill, limits=limits, engine=engine)
        assert str(raised.value) == "module `main` uses bulk memory, which this host forbids"
        make(plain, limits=limits, engine=engine)
        everything = extism.Limits(forbidden=extism.Limits.FEATURES)
        with pytest.raises(extism.InvalidModuleError, match="uses sign extension, which this host forbids"):
            make(plain, limits=everything, engine=engine)
        make('(module (func (export "f")))', limits=everything, engine=engine)


def test_what_can_be_forbidden():
    assert {"simd", "garbage-collection", "exceptions", "sign-extension"} <= extism.Limits.FEATURES
    forbidding = extism.Limits(forbidden=iter(["simd"]))
    assert forbidding.forbidden == {"simd"} and extism.Limits().forbidden == frozenset()
    assert pickle.loads(pickle.dumps(forbidding)) == forbidding
    assert dataclasses.replace(forbidding, heap_pages=1).forbidden == {"simd"}
    strict = extism.Limits.strict(forbidden={"simd"})
    assert strict == dataclasses.replace(extism.Limits.strict(), forbidden={"simd"})
    assert len({forbidding, extism.Limits(forbidden={"simd"}), extism.Limits()}) == 2
    with pytest.raises(extism.ArgumentError, match="limits: forbidden: unknown feature 'goto'; there are bulk-memory"):
        extism.Limits(forbidden=["goto"])
    with pytest.raises(extism.ArgumentError, match="a set of names is expected, found the text 'simd'"):
        extism.Limits(forbidden="simd")


def test_objects_are_limited(engine):
    if "garbage-collection" not in extism.Engine(engine).capabilities:
        pytest.skip(f"{engine} has no garbage collection")
    text = """(module (type $a (array i8)) (global $kept (mut (ref null $a)) (ref.null $a))
        (func (export "f") (global.set $kept (array.new_default $a (i32.const 200000)))))"""
    with extism.Plugin(text, engine=engine) as plugin:
        plugin.call("f")
    with extism.Plugin(text, limits=extism.Limits(heap_pages=2), engine=engine) as plugin:
        with pytest.raises(extism.MemoryLimitError, match="heap_pages"):
            plugin.call("f")
