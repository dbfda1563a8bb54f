"""Variables, configuration, errors and log lines from the host's side."""

import gc
import threading
import weakref

import pytest

import extism
from wat import importing

# `get` outputs the variable named by the input, `set` sets `k` to the input, `config` outputs a
# value of the configuration, `host` calls the host function and returns 0.
GUEST = f"""(module
  {importing("")}
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (func $answer (param $block i64) (call $output (local.get $block) (call $length (local.get $block))))
  (func (export "get") (call $answer (call $get (call $offset))))
  (func (export "config") (call $answer (call $config (call $offset))))
  (func (export "set") (local $key i64)
    (local.set $key (call $alloc (i64.const 1)))
    (call $store (local.get $key) (i32.const 107))
    (call $set (local.get $key) (call $offset)))
  (func (export "log") (call $log (call $offset)))
  (func (export "host") (call $host))
  (func (export "error_then_host") (call $error (call $offset)) (call $host))
  (func (export "host_then_trap") (call $host) unreachable))"""


def plugin(engine, body=lambda current: None, **more):
    @extism.host_fn(name="host", signature=([], []))
    def host(current, params, results):
        body(current)

    return extism.Plugin(GUEST, functions=[host], engine=engine, **more)


def test_variables_from_outside(engine):
    guest = plugin(engine)
    variables = guest.vars
    assert dict(variables) == {} and len(variables) == 0 and not variables
    variables["b"] = b"\0\xff"
    variables["a"] = "t\u00e4xt"
    variables[""] = bytearray(b"")
    assert list(variables) == ["", "a", "b"]
    assert guest.call("get", "b") == b"\0\xff"
    assert guest.call("get", "a") == "t\u00e4xt".encode()
    guest.call("set", b"of the guest")
    assert variables["k"] == b"of the guest"
    assert "k" in variables and "x" not in variables and 5 not in variables
    assert variables.get("x") is None and variables.get("") == b""
    assert type(variables["a"]) is bytes
    del variables["b"]
    assert variables.pop("a") == "t\u00e4xt".encode()
    with pytest.raises(KeyError, match="'b'"):
        variables["b"]
    with pytest.raises(KeyError):
        del variables["b"]
    assert guest.call("get", "b") == b""
    variables.update({"x": b"1", "y": b"2"})
    assert repr(variables) == "Vars('', 'k', 'x', 'y')"
    variables.clear()
    assert list(guest.vars) == []
    # The keys are those of when the iterator was made.
    variables.update({"x": b"1", "y": b"2"})
    for key in variables:
        del variables[key]
    assert not variables


def test_what_variables_refuse(engine):
    variables = plugin(engine).vars
    variables["k"] = b"old"
    for wrong in (5, None, ["x"]):
        with pytest.raises(extism.ArgumentError, match="expected a str, bytes or another buffer"):
            variables["k"] = wrong
    with pytest.raises(TypeError):
        variables[5] = b""
    room = (1 << 20) - 48 - 1
    with pytest.raises(extism.ArgumentError, match="the variable store is full: 1048577 bytes"):
        variables["k"] = b"x" * (room + 1)
    assert variables["k"] == b"old"
    variables["k"] = b"x" * room
    manifest = {"wasm": [{"data": b"(module)"}], "memory": {"max_var_bytes": 0}}
    with pytest.raises(extism.ArgumentError, match="variables are disabled"):
        extism.Plugin(manifest, engine=engine).vars["k"] = b""


def test_configuration_from_outside(engine):
    guest = plugin(engine, config={"a": "1", "b": "2"})
    config = guest.config
    assert dict(config) == {"a": "1", "b": "2"} and len(config) == 2
    config["a"] = "eins"
    del config["b"]
    assert guest.call("config", "a") == b"eins"
    assert guest.call("config", "b") == b""
    guest.update_config({"a": None, "c": "3", "x": None})
    assert dict(guest.config) == {"c": "3"}
    assert repr(config) == "Config({'c': '3'})"
    assert "c" in config and "a" not in config and 5 not in config
    with pytest.raises(KeyError):
        config["a"]
    with pytest.raises(KeyError):
        del config["a"]
    # All or nothing.
    with pytest.raises(extism.ManifestError, match="manifest: config.d: found the number 5, expected a text"):
        guest.update_config({"c": None, "d": 5})
    for wrong, found in ((None, "null"), (5, "the number 5"), (b"x", "bytes")):
        with pytest.raises(extism.ManifestError, match=f"manifest: config.c: found {found}, expected a text"):
            config["c"] = wrong
    with pytest.raises(extism.ManifestError, match="manifest: config: found a list"):
        guest.update_config(["c"])
    assert dict(config) == {"c": "3"}


def test_instances_share_nothing(engine):
    compiled = extism.CompiledPlugin({"wasm": [{"data": b"(module)"}], "config": {"k": "v"}}, engine=engine)
    a, b = extism.Plugin(compiled, config={"only": "a"}), extism.Plugin(compiled, config={"k": None})
    a.vars["k"] = b"a"
    a.config["k"] = "a"
    assert dict(b.vars) == {} and dict(b.config) == {}
    assert dict(a.config) == {"k": "a", "only": "a"}
    assert dict(extism.Plugin(compiled).config) == {"k": "v"}


def test_from_a_host_function(engine):
    seen = []

    def body(current):
        current.vars["count"] = str(int(current.vars.get("count", b"0")) + 1)
        current.config["k"] = current.config.get("k", "") + "x"
        seen.append((dict(current.vars), dict(current.config)))

    guest = plugin(engine, body)
    guest.vars["count"] = b"5"
    guest.call("host")
    guest.call("host")
    assert seen == [({"count": b"6"}, {"k": "x"}), ({"count": b"7"}, {"k": "xx"})]
    assert guest.call("get", "count") == b"7"
    assert guest.call("config", "k") == b"xx"


def test_only_at_the_right_time(engine):
    kept = []

    def body(current):
        kept.extend([current.vars, current.config])
        for use in (lambda: guest.vars["k"], lambda: list(guest.config), lambda: guest.update_config({})):
            with pytest.raises(extism.ReentrantError):
                use()

    guest = plugin(engine, body)
    guest.call("host")
    variables, config = kept
    for use in (lambda: variables["k"], lambda: list(config), lambda: variables.update(a=b"")):
        with pytest.raises(extism.ClosedError, match="valid only on the thread of its own host function call"):
            use()
    outside = (guest.vars, guest.config)
    guest.close()
    for use in (lambda: outside[0]["k"], lambda: list(outside[1]), lambda: guest.update_config({})):
        with pytest.raises(extism.ClosedError, match="the plug-in is closed"):
            use()


def test_access_waits_for_the_running_call(engine):
    inside, go = threading.Event(), threading.Event()

    def body(current):
        inside.set()
        go.wait(30)
        current.vars["k"] = b"set in the call"

    guest = plugin(engine, body)
    caller = threading.Thread(target=guest.call, args=("host",))
    caller.start()
    assert inside.wait(30)
    threading.Timer(0.05, go.set).start()
    assert guest.vars["k"] == b"set in the call"
    caller.join()


def test_a_mapping_keeps_its_plugin_alive(engine):
    guest = plugin(engine)
    variables, gone = guest.vars, weakref.ref(guest)
    del guest
    gc.collect()
    variables["k"] = b"v"
    assert variables["k"] == b"v"
    del variables
    gc.collect()
    assert gone() is None


def test_errors_of_the_guest(engine):
    def body(current):
        seen.append(current.error)
        for action in actions:
            action(current)

    seen = []
    guest = plugin(engine, body)
    actions = [lambda current: current.set_error("t\u00e4xt")]
    with pytest.raises(extism.GuestError, match="^t\u00e4xt$"):
        guest.call("host")
    with pytest.raises(extism.GuestError, match="^t\u00e4xt(\n|$)"):
        # A trap brings a backtrace, which is a note.
        guest.call("host_then_trap")
    with pytest.raises(extism.GuestError, match="^t\u00e4xt$"):
        guest.call("error_then_host", "of the guest")
    actions = []
    with pytest.raises(extism.GuestError, match="^of the guest$"):
        guest.call("error_then_host", "of the guest")
    actions = [lambda current: current.set_error("x"), lambda current: current.clear_error()]
    assert guest.call("error_then_host", "of the guest") == b""
    assert seen == [None, None, "of the guest", "of the guest", "of the guest"]
    actions = [lambda current: current.set_error("")]
    with pytest.raises(extism.HostFunctionError) as raised:
        guest.call("host")
    assert "the error text is empty" in str(raised.value.__cause__)
    actions = [lambda current: current.set_error("x" * (16 << 20))]
    with pytest.raises(extism.GuestError) as raised:
        guest.call("host")
    assert str(raised.value) == "x" * (64 << 10)


def test_log_lines_of_host_functions(engine, tmp_path):
    lines = []
    log = extism.set_log_custom(lines.append, "info")
    levels = ["trace", "debug", "info", "WARN", "error"]

    def body(current):
        for level in levels:
            current.log(level, f"from {level}")
        current.log("error", "")
        current.log("error", "x" * (16 << 20))
        with pytest.raises(extism.ArgumentError, match="unknown level of a log line 'off'|\"off\""):
            current.log("off", "x")

    guest = plugin(engine, body)
    guest.call("host")
    log.drain()
    tail = f'plugin="{guest.id}"\n'
    assert all(line.endswith(tail) for line in lines)
    texts = [line.split("extism::pdk: ")[1][: -len(tail) - 1] for line in lines]
    assert texts[:4] == ["from info", "from WARN", "from error", ""]
    assert texts[4:] == ["x" * (64 << 10)]
    assert [line.split()[1] for line in lines] == ["INFO", "WARN", "ERROR", "ERROR", "ERROR"]


SIZES = [0, 1, 64 << 10, 16 << 20]


def test_log_lines_of_guests(engine):
    lines = []
    log = extism.set_log_custom(lines.append, "info")
    guest = plugin(engine)
    for size in SIZES:
        guest.call("log", "y" * size)
        log.drain()
        shown = "y" * min(size, 64 << 10)
        assert lines.pop().endswith(f' INFO extism::pdk: {shown} plugin="{guest.id}"\n')
    assert not lines


def test_sizes(engine):
    manifest = {
        "wasm": [{"data": GUEST.encode()}],
        "memory": {"max_var_bytes": (16 << 20) + 49},
    }
    host = extism.Function("host", [], [], lambda current, params, results: None)
    guest = extism.Plugin(manifest, functions=[host], engine=engine)
    for size in SIZES:
        value = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        guest.call("set", value)
        # The null handle, which an empty input has, removes a variable.
        assert guest.vars.get("k") == (value if size else None)
        guest.vars["k"] = value
        assert guest.call("get", "k") == value
        text = "y" * size
        guest.config["k"] = text
        assert guest.call("config", "k") == text.encode()
    with pytest.raises(extism.HostFunctionError, match="the variable store is full: 16777266 bytes"):
        guest.call("set", b"z" * ((16 << 20) + 1))
