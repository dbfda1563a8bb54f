"""WASI settings from Python; what they do to guests is tested case by case in Rust."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import extism

# A command that writes its input to both outputs, then a piece of its arguments and environment.
COMMAND = r"""(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $check (param i32) (if (local.get 0) (then unreachable)))
  (func $vector (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length)))
  (func $put (param $fd i32)
    (call $check (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (call $vector (i32.const 1024) (i32.const 100))
    (call $check (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $vector (i32.const 1024) (i32.load (i32.const 8)))
    (call $put (i32.const 1))
    (call $put (i32.const 2))
    (call $check (call $args_sizes (i32.const 16) (i32.const 20)))
    (call $check (call $args (i32.const 32) (i32.const 2048)))
    (call $vector (i32.const 2048) (i32.load (i32.const 20)))
    (call $put (i32.const 1))
    (call $check (call $env_sizes (i32.const 16) (i32.const 20)))
    (call $check (call $env (i32.const 32) (i32.const 2048)))
    (call $vector (i32.const 2048) (i32.load (i32.const 20)))
    (call $put (i32.const 2))))"""


def test_what_is_given_is_what_is_there(engine: str) -> None:
    wasi = extism.Wasi(
        args=["program", "ä"],
        env={"A": "1", "B": ""},
        stdin="input\n",
        stdout="capture",
        stderr="capture",
    )
    with extism.Plugin(COMMAND, wasi=wasi, engine=engine) as plugin:
        assert (plugin.stdout, plugin.stderr) == (b"", b"")
        for _ in range(2):
            assert plugin.call("_start") == b""
            assert plugin.stdout == b"input\nprogram\0" + "ä\0".encode()
            assert plugin.stderr == b"input\nA=1\0B=\0"
    with pytest.raises(extism.ClosedError):
        _ = plugin.stdout


def test_compiled_and_only_one_stream(engine: str) -> None:
    wasi = extism.Wasi(stdin=bytearray(b"x" * 50), stderr="capture", capture_limit=50)
    compiled = extism.CompiledPlugin(COMMAND, wasi=wasi, engine=engine)
    with extism.Plugin(compiled) as plugin:
        plugin.call("_start")
        assert (plugin.stdout, plugin.stderr) == (b"", b"x" * 50)


def test_true_gives_nothing(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "secret")
    with extism.Plugin(COMMAND, wasi=True, engine=engine) as plugin:
        assert plugin.call("_start") == b""
        assert (plugin.stdout, plugin.stderr) == (b"", b"")


def test_off_says_how_to_turn_it_on(engine: str) -> None:
    with pytest.raises(extism.LinkError, match="give it the option `wasi`"):
        extism.Plugin(COMMAND, engine=engine)


INHERIT = """
import sys, extism
extism.Plugin(sys.argv[1], engine=sys.argv[2], wasi=eval(sys.argv[3])).call("_start")
"""


@pytest.mark.parametrize(
    ("variable", "wasi", "expected"),
    [
        (None, "extism.Wasi(args=['x'])", (b"", b"")),
        ("", "extism.Wasi(args=['x'])", (b"x\0", b"")),
        ("1", "extism.Wasi(args=['x'], env={'A': 'b'})", (b"x\0", b"A=b\0")),
        ("1", "extism.Wasi(args=['x'], stdout='discard')", (b"", b"")),
        (None, "extism.Wasi(env={'A': 'b'}, stderr='inherit')", (b"", b"A=b\0")),
    ],
)
def test_inherited(
    engine: str, tmp_path: Path, variable: str | None, wasi: str, expected: tuple[bytes, bytes]
) -> None:
    path = tmp_path / "command.wat"
    path.write_text(COMMAND)
    environment = {k: v for k, v in os.environ.items() if k != "EXTISM_ENABLE_WASI_OUTPUT"}
    if variable is not None:
        environment["EXTISM_ENABLE_WASI_OUTPUT"] = variable
    command = [sys.executable, "-c", INHERIT, str(path), engine, wasi]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == expected


def test_fixed_clock_and_seed(engine: str) -> None:
    module = """(module
      (import "wasi_snapshot_preview1" "clock_time_get" (func $t (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
      (import "extism:host/env" "output_set" (func $output (param i64 i64)))
      (memory (export "memory") 1)
      (func (export "run") (local $block i64)
        (local.set $block (call $alloc (i64.const 16)))
        (drop (call $t (i32.const 0) (i64.const 1) (i32.const 0)))
        (drop (call $r (i32.const 8) (i32.const 8)))
        (call $store (local.get $block) (i64.load (i32.const 0)))
        (call $store (i64.add (local.get $block) (i64.const 8)) (i64.load (i32.const 8)))
        (call $output (local.get $block) (i64.const 16))))"""
    outputs = []
    for seed in (1, 1, 2, None):
        wasi = extism.Wasi(clock=1_700_000_000_000_000_000, seed=seed)
        with extism.Plugin(module, wasi=wasi, engine=engine) as plugin:
            outputs.append(plugin.call("run"))
    times = {int.from_bytes(output[:8], "little") for output in outputs}
    assert times == {1_700_000_000_000_001_000}
    assert outputs[0] == outputs[1]
    assert len({output[8:] for output in outputs}) == 3


def test_settings_can_be_looked_at() -> None:
    wasi = extism.Wasi(args=["a"], env={"B": "c"}, stdin=b"d")
    assert (wasi.args, wasi.env, wasi.stdin) == (["a"], {"B": "c"}, b"d")
    assert (extism.Wasi().args, extism.Wasi().env, extism.Wasi().stdin) == ([], {}, b"")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"stdout": "file"}, extism.ArgumentError, "stdout= is `file`; it is `discard`, `inherit`"),
        ({"stdin": 5}, extism.ArgumentError, "expected a str, bytes or another buffer"),
        ({"args": "text"}, TypeError, "args"),
        ({"env": {"A": 1}}, TypeError, "str"),
        ({"env": 5}, extism.ArgumentError, "env: expected a mapping"),
        ({"clock": -1}, extism.ArgumentError, "clock: expected a whole number from 0"),
        ({"seed": "x"}, TypeError, "seed"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        extism.Wasi(**settings)


@pytest.mark.parametrize("env", [{"": "x"}, {"A=B": "x"}, {"A": "x\0"}])
def test_texts_that_no_guest_can_read(env: dict[str, str]) -> None:
    with pytest.raises(extism.ArgumentError, match="wasi: env"):
        extism.Plugin("(module)", wasi=extism.Wasi(env=env))


@pytest.mark.parametrize("wasi", ["yes", None, 1])
def test_neither_truth_value_nor_settings(wasi: Any) -> None:
    with pytest.raises(extism.ArgumentError, match="True, False or an extism.Wasi"):
        extism.Plugin("(module)", wasi=wasi)
