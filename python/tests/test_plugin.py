"""Plug-ins: every form they come in, calls, life and death."""

import functools
import gc
import json
import sys
import threading
import uuid
import weakref

import pytest

import extism
from conftest import ENGINES
from wat import ECHO, function, importing

TEXT = """When in the Course of human events, it becomes necessary for one people to dissolve the
political bands which have connected them with another, and to assume among the powers of the
earth, the separate and equal station to which the Laws of Nature and of Nature's God entitle
them, a decent respect to the opinions of mankind requires that they should declare the causes
which impel them to the separation."""


def vowels(text, which="aeiouAEIOU"):
    return sum(text.count(vowel) for vowel in which)


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


MANIFEST = {"wasm": [{"data": ECHO.encode()}]}
FORMS = {
    "text": lambda wasm, path: ECHO,
    "bytes": lambda wasm, path: wasm,
    "bytearray": lambda wasm, path: bytearray(wasm),
    "memoryview": lambda wasm, path: memoryview(wasm),
    "path text": lambda wasm, path: str(path),
    "path": lambda wasm, path: path,
    "manifest": lambda wasm, path: {"wasm": [{"data": wasm}]},
    "manifest, bytearray": lambda wasm, path: {"wasm": ({"data": bytearray(wasm), "name": "x"},)},
    "manifest, path": lambda wasm, path: {"wasm": [{"path": path}]},
    "manifest, path text": lambda wasm, path: {"wasm": [{"path": str(path)}], "config": {}},
    "manifest text": lambda wasm, path: json.dumps({"wasm": [{"path": str(path)}]}),
    "manifest bytes": lambda wasm, path: json.dumps({"wasm": [{"path": str(path)}]}).encode(),
    "manifest file": lambda wasm, path: write(
        path.parent, "manifest.json", json.dumps({"wasm": [{"path": str(path)}]}).encode()
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_a_plugin(engine, form, tmp_path):
    path = write(tmp_path, "echo.wasm", ECHO.encode())
    plugin = form(path.read_bytes(), path)
    with extism.Plugin(plugin, engine=engine) as plugin:
        assert plugin.call("echo", b"\0\xff") == b"\0\xff"


INPUTS = [
    (b"", b""),
    ("", b""),
    (b"\0x", b"\0x"),
    ("h\u00e4 \U0001f389", "h\u00e4 \U0001f389".encode()),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"abcd")[::2], b"ac"),
    (bytes(range(256)) * 4096, bytes(range(256)) * 4096),
]


def test_inputs_and_outputs(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    for given, expected in INPUTS:
        output = plugin.call("echo", given)
        assert type(output) is bytes
        assert output == expected
    assert plugin.call("echo") == b""
    assert plugin.call(function_name="echo", data="x") == b"x"


def test_parse(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    assert plugin.call("echo", "[1]", json.loads) == [1]
    assert plugin.call("echo", "ab", parse=bytearray) == bytearray(b"ab")
    assert plugin.call("echo", "ab", parse=lambda output: output.decode()) == "ab"
    # It runs outside of the call, so it may call.
    assert plugin.call("echo", "ab", parse=lambda output: plugin.call("echo", output)) == b"ab"
    with pytest.raises(ZeroDivisionError):
        plugin.call("echo", "ab", parse=lambda output: 1 / 0)


def test_buffer_stays_as_it_was(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    first = plugin.call("echo", "first", parse=None)
    plugin.call("echo", "other")
    plugin.close()
    del plugin
    gc.collect()
    assert isinstance(first, memoryview)
    assert first.readonly
    assert first == b"first"


@pytest.mark.parametrize("data", [None, 1, ["x"], object()])
def test_input_of_another_type_is_refused(data):
    plugin = extism.Plugin(ECHO)
    with pytest.raises(extism.ArgumentError, match="expected a str, bytes or another buffer, found"):
        plugin.call("echo", data)
    with pytest.raises(UnicodeEncodeError):
        plugin.call("echo", "\ud800")
    with pytest.raises(extism.ArgumentError, match="parse is a callable or None"):
        plugin.call("echo", b"", 1)
    assert plugin.call("echo", "x") == b"x"


@pytest.mark.parametrize(
    "guest", ["assemblyscript/as_pdk.wasm", "c/c_zig_freestanding.wasm", "zig/zig.wasm"]
)
def test_real_plugins_on_real_text(engine, guests, guest):
    functions = [extism.Function("hello_world", [extism.ValType.I64], [extism.ValType.I64], print)]
    with extism.Plugin(guests / guest, functions=functions, engine=engine) as plugin:
        assert plugin.call("echo", TEXT) == TEXT.encode()
        total = 0
        for text in [TEXT, "", "bcd", TEXT[:100]]:
            total += vowels(text)
            found = plugin.call("count_vowels", text, parse=json.loads)
            assert (found["count"], found["total"]) == (vowels(text), total)
            assert found["vowels"] == "aeiouAEIOU"


def test_config_is_merged_over_the_manifest(engine, guests):
    guest = guests / "c/c_zig_freestanding.wasm"
    manifest = {"wasm": [{"path": guest}], "config": {"vowels": "xyz", "other": "1"}}
    functions = [extism.Function("hello_world", [extism.ValType.I64], [extism.ValType.I64], print)]
    for config, expected in [(None, "xyz"), ({}, "xyz"), ({"a": "b"}, "xyz"), ({"vowels": "e"}, "e")]:
        plugin = extism.Plugin(manifest, False, config, functions, engine=engine)
        found = plugin.call("count_vowels", TEXT, parse=json.loads)
        assert (found["vowels"], found["count"]) == (expected, vowels(TEXT, expected))


def test_sqlite(engine, guests):
    with extism.Plugin(guests / "sqlite/sqlite_plugin.wasm", wasi=True, engine=engine) as plugin:
        assert plugin.call("version").startswith(b"3.")
        plugin.call("sql", "create table word (text, length)")
        for word in sorted(set(TEXT.replace("'", "").split())):
            plugin.call("sql", f"insert into word values ('{word}', {len(word)})")
        query = "select length, count(*) as n from word where length > 8 group by length"
        found = {int(row["length"]): int(row["n"]) for row in plugin.call("sql", query, json.loads)}
        lengths = [len(word) for word in set(TEXT.replace("'", "").split()) if len(word) > 8]
        assert found == {length: lengths.count(length) for length in lengths}
        with pytest.raises(extism.GuestError, match="no such table: nobody"):
            plugin.call("sql", "select * from nobody")


def test_quickjs_keeps_its_state(engine, guests):
    def shout(plugin, params, results):
        plugin.return_string(results[0], plugin.input_string(params[0]).upper())

    i64 = extism.ValType.I64
    functions = [extism.Function("hello_world", [i64], [i64], shout)]
    path = guests / "quickjs/js_plugin.wasm"
    with extism.Plugin(path, wasi=True, functions=functions, engine=engine) as plugin:
        assert plugin.call("eval", "var n = 20; [1, 2, 3].map(i => i * n).join()") == b"20,40,60"
        assert plugin.call("eval", "n += 1; host('n is ' + n)") == b"N IS 21"
        with pytest.raises(extism.GuestError, match="ReferenceError: m is not defined"):
            plugin.call("eval", "m")
        assert plugin.call("eval", "n") == b"21"


def test_function_exists(engine):
    module = '(module (func (export "a")) (func (export "b") (param i32)) (memory (export "c") 1))'
    plugin = extism.Plugin(module, engine=engine)
    assert [plugin.function_exists(name) for name in "abcd"] == [True, False, False, False]


def test_id_is_its_own():
    one, two = extism.Plugin(ECHO), extism.Plugin(ECHO)
    assert isinstance(one.id, uuid.UUID)
    assert one.id == one.id != two.id


def test_reset(engine, guests):
    hello_world = extism.Function("hello_world", [extism.ValType.I64], [extism.ValType.I64], print)
    guest = guests / "c/c_zig_freestanding.wasm"
    with extism.Plugin(guest, functions=[hello_world], engine=engine) as plugin:
        # Before the first call, and between two; the variables stay.
        for total in [1, 2, 3]:
            plugin.reset()
            assert plugin.call("count_vowels", "xa", parse=json.loads)["total"] == total


def test_close(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    with plugin as entered:
        assert entered is plugin
        assert plugin.call("echo", "x") == b"x"
    plugin.close()
    for use in [lambda: plugin.call("echo"), lambda: plugin.function_exists("echo"), plugin.reset]:
        with pytest.raises(extism.ClosedError, match="the plug-in is closed"):
            use()
    assert plugin.engine == engine
    with pytest.raises(ValueError, match="mine"), extism.Plugin(ECHO, engine=engine):
        raise ValueError("mine")


def test_dies_without_help(engine):
    i64 = extism.ValType.I64

    def make():
        class Held:
            pass

        held = Held()

        def host(plugin, params, results):
            return held, own

        function = extism.Function("host", [i64], [], host)
        functools.update_wrapper(function, host)
        own = extism.Plugin(function_module, functions=[function], engine=engine)
        own.call("run")
        return weakref.ref(held), weakref.ref(own), weakref.ref(function)

    function_module = function("(call $host (i64.const 1))", importing("(param i64)"))
    # The plug-in, its function and the closure hold each other.
    gc.collect()
    references = make()
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]

    plugin = extism.Plugin(ECHO, engine=engine)
    reference = weakref.ref(plugin)
    gc.disable()
    try:
        del plugin
        assert reference() is None
    finally:
        gc.enable()


def test_half_made_plugins_die_too():
    for _ in range(100):
        with pytest.raises(extism.Error):
            extism.Plugin("(module")


def test_two_threads_never_mix_outputs(engine):
    plugin = extism.Plugin(ECHO, engine=engine)
    mixed = []
    start = threading.Barrier(4)

    def work(letter):
        data = letter * 3000
        start.wait()
        for _ in range(300):
            if plugin.call("echo", data) != data:
                mixed.append(letter)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(letter,)) for letter in [b"a", b"b", b"c"]]
        [thread.start() for thread in threads]
        start.wait()
        [thread.join() for thread in threads]
    finally:
        sys.setswitchinterval(interval)
    assert mixed == []


@pytest.mark.parametrize("waiter", ["call", "close"])
def test_threads_wait_for_their_turn_without_the_gil(engine, waiter):
    entered, leave = threading.Event(), threading.Event()

    def host(plugin, params, results):
        entered.set()
        assert leave.wait(30)

    functions = [extism.Function("host", [], [], host)]
    plugin = extism.Plugin(function("(call $host)", importing("")), functions=functions, engine=engine)
    log = []

    def inside():
        plugin.call("run")
        log.append("inside")

    def outside():
        assert entered.wait(30)
        plugin.call("run") if waiter == "call" else plugin.close()
        log.append("outside")

    threads = [threading.Thread(target=work) for work in (inside, outside)]
    [thread.start() for thread in threads]
    assert entered.wait(30)
    # This thread runs on, whatever the other two wait for.
    assert sum(range(100_000)) > 0
    assert log == []
    leave.set()
    [thread.join(30) for thread in threads]
    assert sorted(log) == ["inside", "outside"]
    if waiter == "close":
        with pytest.raises(extism.ClosedError):
            plugin.call("run")


def test_plugins_run_in_many_threads_at_once():
    outputs = {}

    def work(engine):
        plugin = extism.Plugin(ECHO, engine=engine)
        outputs[engine] = [plugin.call("echo", f"{engine}{i}") for i in range(50)]

    threads = [threading.Thread(target=work, args=(engine,)) for engine in ENGINES]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert outputs == {e: [f"{e}{i}".encode() for i in range(50)] for e in ENGINES}
