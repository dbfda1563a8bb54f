"""What a plug-in consists of: exports, imports, memory, features, and errors that use them."""

import dataclasses
import sys
import typing

import pytest

import extism
from conftest import GUESTS
from processes import output
from wat import ECHO, THROUGH_HOST

C = GUESTS / "c/c_zig_freestanding.wasm"
SQLITE = GUESTS / "sqlite/sqlite_plugin.wasm"
I64 = extism.ValType.I64
HOST = [extism.Function("host", [I64], [I64], print)]

TWO = {
    "wasm": [
        {"name": "lib", "data": b'(module (func (export "help")) (memory (export "memory") 2 3))'},
        {"name": "main", "data": b"""(module
            (import "lib" "help" (func))
            (import "extism:host/user" "host" (func (param i64) (result i64)))
            (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
            (memory 1)
            (global (export "g") i32 (i32.const 1))
            (func (export "run") (result i32) (i32.extend8_s (i32.const 0)))
            (func (export "takes") (param i32)))"""},
    ]
}


def test_of_a_live_and_a_compiled_plugin(engine):
    compiled = extism.CompiledPlugin(TWO, wasi=True, functions=HOST, engine=engine)
    for one in (compiled, extism.Plugin(compiled), extism.Plugin(TWO, wasi=True, functions=HOST, engine=engine)):
        assert one.exports == (
            extism.Export("g", "global", "(global i32)", False, "main"),
            extism.Export("run", "function", "(func (result i32))", True, "main"),
            extism.Export("takes", "function", "(func (param i32))", False, "main"),
        )
        assert [(row.module, row.name, row.importer, row.provider, row.reason) for row in one.imports] == [
            ("lib", "help", "main", "module", None),
            ("extism:host/user", "host", "main", "function", None),
            ("wasi_snapshot_preview1", "proc_exit", "main", "wasi", None),
        ]
        assert one.features == ("sign extension",)
        assert one.memory.initial == 3 * 65536
        assert one.memory.limit == 65536 * 65536
        assert extism.Plugin(one.manifest, wasi=True, functions=HOST, engine=engine).exports == one.exports
    assert compiled.memory.used is None
    plugin = extism.Plugin(compiled)
    assert plugin.memory.used >= 2 * 65536
    plugin.close()
    with pytest.raises(extism.ClosedError):
        plugin.memory
    # What does not need the instance stays.
    assert plugin.exports == compiled.exports
    assert repr(plugin).endswith(f" on {engine}, closed>")


def test_the_limit_is_that_of_the_manifest():
    compiled = extism.CompiledPlugin({**TWO, "memory": {"max_pages": 40}}, wasi=True, functions=HOST)
    assert compiled.memory.limit == 40 * 65536


def test_inspect_needs_nothing_to_be_there():
    found = extism.inspect(TWO, functions=[])
    assert [row.provider for row in found.imports] == ["module", None, None]
    assert [row.name for row in found.missing] == ["host", "proc_exit"]
    assert "no host function of that name was given" in found.missing[0].reason
    assert found.missing[1].reason.endswith("give it the option `wasi`; in Python: `wasi=True`")
    assert extism.inspect(TWO, wasi=True, functions=HOST).missing == ()
    assert found.main == "main"
    assert found.features == ("sign extension",)
    assert found.engines == tuple(extism.engines())
    lib, main = found.modules
    assert (lib.name, lib.memories, main.memories) == ("lib", ((2, 3),), ((1, None),))
    assert main.size == 8 + sum(size + 2 for _, size in main.sections)
    text = str(found)
    for part in ["module main", "extism:host/user::host", "nobody: ", "features: sign extension", "can run it"]:
        assert part in text
    assert found.to_dict()["modules"][1]["exports"][1]["name"] == "run"
    assert "<table>" in found._repr_html_()
    assert found._repr_mimebundle_() == {"text/plain": str(found), "text/html": found._repr_html_()}


def test_which_engines_can_run_it():
    found = extism.inspect("(module (func $f (return_call $f)))")
    assert found.features == ("tail calls",)
    for engine, lacks in found.lacking.items():
        assert lacks == (() if "tail-calls" in engine.capabilities else ("tail calls",))
        assert (engine in found.engines) is (lacks == ())
    assert extism.inspect("(module (memory 1 1 shared))").engines == ()


def test_markup_of_a_plugin_is_text():
    found = extism.inspect('(module (func (export "<script>")))')
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_what_is_no_plugin():
    with pytest.raises(extism.InvalidModuleError):
        extism.inspect(b"\0asm\x01\0\0\0\xff")
    with pytest.raises(extism.ManifestError):
        extism.inspect({"wasm": []})


def test_real_plugins():
    sqlite = extism.inspect(SQLITE, wasi=True)
    assert sqlite.missing == ()
    assert {row.provider for row in sqlite.imports} == {"host", "wasi"}
    assert "sql" in {row.name for row in sqlite.exports if row.callable}
    assert len(sqlite.modules[0].sections) > 8


# A plug-in that cannot be made or called, and the end of what is said about it.
TEXTS = {
    "near": (C, {"functions": [extism.Function("hello_world", [I64], [I64], print)]}, "cuont_vowels",
             "no function of that name; did you mean `count_vowels`? It exports "),
    "one": (ECHO, {}, "nope", "exports no function of that name; it exports `echo`"),
    "namespace": (THROUGH_HOST, {"functions": [extism.Function("mine", "host", [I64], [I64], print)]}, None,
                  "answers the namespace `mine` only; give it the namespace `extism:host/user`; in Python: "
                  '`@extism.host_fn(name="host", namespace="extism:host/user")`'),
}  # fmt: skip


@pytest.mark.parametrize(("plugin", "options", "name", "text"), TEXTS.values(), ids=TEXTS)
def test_errors_say_what_there_is(engine, plugin, options, name, text):
    with pytest.raises(extism.Error) as raised:
        extism.Plugin(plugin, engine=engine, **options).call(name)
    assert text in str(raised.value)


def test_missing_wasi_is_one_line():
    with pytest.raises(extism.LinkError) as raised:
        extism.Plugin(SQLITE)
    assert str(raised.value).count("WASI is off for this plug-in; give it the option `wasi`") == 1
    assert str(raised.value).endswith("; in Python: `wasi=True`")
    assert "more from `wasi_snapshot_preview1`" in str(raised.value)


@pytest.mark.parametrize(("act", "text"), [
    (lambda: extism.Wasm("x.wasm"), r"say what it is: Wasm.file\(path\)"),
    (lambda: extism.Wasi(args="a b"), r"args= is a list of texts, found the text 'a b'"),
    (lambda: extism.Plugin(THROUGH_HOST, functions=HOST[0]), r"write functions=\[f\]"),
    (lambda: extism.Plugin(ECHO).call("echo", {"a": 1}), r"found a value of type dict; json.dumps"),
    (lambda: extism.Plugin("https://example.com/x.wasm"), r"extism.Wasm.url"),
])  # fmt: skip
def test_mistakes_that_many_make(act, text):
    with pytest.raises(extism.Error, match=text):
        act()


def test_what_things_are_called():
    assert repr(extism.Wasm.file("x.wasm", name="n")) == "Wasm.file('x.wasm', name='n')"
    assert repr(extism.Wasm.data(b"123")) == "Wasm.data(<3 bytes>)"
    wasi = extism.Wasi(args=["p"], env={"SECRET": "hidden"}, stdin=b"12", stdout="capture", clock=1, seed=2)
    assert repr(wasi) == "Wasi(args=['p'], env={'SECRET': ...}, stdin=<2 bytes>, stdout='capture', clock=1, seed=2)"
    assert repr(extism.Plugin(ECHO).cancel_handle()) == "<extism.CancelHandle: no call is running>"
    for name in extism.__all__:
        found = getattr(extism, name)
        assert (found.__module__, found.__qualname__) == ("extism", name)
        if dataclasses.is_dataclass(found):
            # What pydantic and others read.
            hints = typing.get_type_hints(found).items()
            names = {name for name, hint in hints if typing.get_origin(hint) is not typing.ClassVar}
            assert names == {field.name for field in dataclasses.fields(found)}
    assert repr(extism.Json()) == "extism.Json()" and repr(extism.Pickle()) == "extism.Pickle()"
    assert repr(extism.Codec(len)) == "extism.Codec(<built-in function len>)"
    assert repr(extism.LittleEndian(4, signed=False)) == "extism.LittleEndian(4, signed=False)"
    assert repr(extism.Val(extism.ValType.I32, 3)) == "Val(ValType.I32, 3)"
    log = extism.set_log_custom(print)
    assert repr(log) == "<extism.CustomLogger: 0 lines waiting>"
    extism.set_log_file("stderr", "off")
    assert repr(extism.LinkError) == "<class 'extism.LinkError'>"
    assert all(hasattr(extism, name) for name in dir(extism)) and "examples" in dir(extism)
    assert not [name for name in dir(extism) if name.startswith("_") and name != "__version__"]


def test_it_warns_of_the_sdk_beside_it(tmp_path, monkeypatch):
    interpreter = extism._interpreter
    monkeypatch.setattr(interpreter, "__file__", str(tmp_path / "extism/_interpreter.py"))
    interpreter.warn_of_the_sdk()
    (tmp_path / "polyextism-0.1.0.dist-info").mkdir()
    interpreter.warn_of_the_sdk()
    (tmp_path / "extism-1.1.1.dist-info").mkdir()
    with pytest.warns(UserWarning, match=r"extism 1\.1\.1 \(the Extism Python SDK\).*pip uninstall extism polyextism"):
        interpreter.warn_of_the_sdk()


def test_the_plugin_of_a_call():
    seen = []

    def host(plugin, params, results):
        seen.append((plugin, repr(plugin)))
        results[0].value = params[0].value

    extism.Plugin(THROUGH_HOST, functions=[extism.Function("host", [I64], [I64], host)]).call("run")
    assert seen[0][1] == "<extism.CurrentPlugin of a running call>"
    assert repr(seen[0][0]) == "<extism.CurrentPlugin of no running call>"


def test_free_threaded_python_is_refused_clearly():
    """The wheel has no module that such a Python would load."""
    program = """
        import sys, sysconfig
        asked = sysconfig.get_config_var
        sysconfig.get_config_var = lambda name: 1 if name == "Py_GIL_DISABLED" else asked(name)
        found = sys.meta_path[:]
        class Without:
            def find_spec(self, name, *rest):
                if name == "extism._native":
                    return None
                return next((spec for finder in found if (spec := finder.find_spec(name, *rest))), None)
        sys.meta_path[:] = [Without()]
        try:
            import extism
        except ImportError as error:
            print(error)
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    expected = f"extism has no build for free-threaded Python; use the ordinary build of Python {version}\n"
    assert output(program) == expected
