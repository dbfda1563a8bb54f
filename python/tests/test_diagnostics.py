"""What is written down after a failure and for profilers, and what the environment has to say about it."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import extism
from wat import ECHO

TRAP = """(module
  (import "extism:host/env" "input_load_u8" (func $load (param i64) (result i32)))
  (memory (export "memory") 1) (data (i32.const 9) "of the guest")
  (func $inner (drop (call $load (i64.const 0))) unreachable)
  (func (export "run") (call $inner)))"""


def can(engine: str, what: str) -> bool:
    return what in extism.Engine(engine).capabilities


def trap(plugin: extism.Plugin) -> None:
    with pytest.raises(extism.TrapError, match="unreachable"):
        plugin.call("run", b"the input")


def test_a_trap_leaves_dumps(engine, tmp_path):
    core, memory = tmp_path / "core", tmp_path / "memory"
    is_able = can(engine, "core-dump")
    settings = extism.Diagnostics(core_dump=core if is_able else False, memory_dump=str(memory))
    compiled = extism.CompiledPlugin(TRAP, engine=engine, diagnostics=settings)
    for one in (compiled, pickle.loads(pickle.dumps(compiled))):
        trap(extism.Plugin(one))
        assert b"the input" in memory.read_bytes()
        assert core.exists() == is_able
        if is_able:
            dump = core.read_bytes()
            assert dump.startswith(b"\0asm\1\0\0\0")
            # The first 64 bytes hold a flag that the host may set between the two files.
            assert b"of the guest" in dump and memory.read_bytes()[64:].rstrip(b"\0") in dump
            core.unlink()
        memory.unlink()


def test_the_environment_asks(engine, tmp_path, monkeypatch):
    core, memory = tmp_path / "core", tmp_path / "memory"
    monkeypatch.setenv("EXTISM_COREDUMP", str(core))
    monkeypatch.setenv("EXTISM_MEMDUMP", str(memory))
    trap(extism.Plugin(TRAP, engine=engine, diagnostics=extism.Diagnostics(core_dump=False, memory_dump=False)))
    assert list(tmp_path.iterdir()) == []
    # What the engine has not is a line in the log.
    trap(extism.Plugin(TRAP, engine=engine))
    assert memory.exists()
    assert core.exists() == can(engine, "core-dump")


@pytest.mark.skipif(sys.platform != "linux", reason="perf is for Linux")
def test_perf_is_told_where_functions_are(engine, guests):
    text = "(module (func $a_function) (func (export \"run\") (call $a_function)))"
    code = f"import extism; extism.Plugin({text!r}, engine={engine!r}).call('run')"
    environment = os.environ | {"EXTISM_PROFILE": "perf"}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment)
    assert child.wait() == 0
    map = Path(f"/tmp/perf-{child.pid}.map")
    assert map.exists() == can(engine, "profile-perf")
    if map.exists():
        names = [line.split(" ", 2)[2] for line in map.read_text().splitlines()]
        map.unlink()
        assert "a_function" in names


@pytest.mark.parametrize("profiler", ["perf", "jitdump", "vtune"])
def test_a_profiler_that_the_engine_has_not_is_refused(engine, profiler, monkeypatch):
    if can(engine, f"profile-{profiler}"):
        pytest.skip("it has it")
    settings = extism.Diagnostics(profiler=profiler)
    with pytest.raises(extism.UnsupportedError, match=f"`{engine}` has no profiler `{profiler}`"):
        extism.Plugin(ECHO, engine=engine, diagnostics=settings)
    monkeypatch.setenv("EXTISM_PROFILE", profiler)
    assert extism.Plugin(ECHO, engine=engine).call("echo", b"x") == b"x"


def test_a_warning_says_what_the_environment_asks_in_vain(monkeypatch):
    monkeypatch.setenv("EXTISM_PROFILE", "vtune")
    monkeypatch.setenv("EXTISM_DEBUG", "1")
    lines = []
    log = extism.set_log_custom(lines.append, "warn")
    extism.Plugin(ECHO)
    log.drain()
    for variable in ("EXTISM_PROFILE", "EXTISM_DEBUG"):
        assert any(f"the environment variable {variable} is ignored" in line for line in lines), lines


def test_a_dump_that_fails_hides_nothing(engine, tmp_path):
    folder = tmp_path / "lost"
    folder.mkdir()
    settings = extism.Diagnostics(memory_dump=folder / "memory")
    plugin = extism.Plugin(TRAP, engine=engine, diagnostics=settings)
    folder.rmdir()
    lines = []
    log = extism.set_log_custom(lines.append, "warn")
    trap(plugin)
    log.drain()
    assert len(lines) == 1 and "cannot be written: No such file" in lines[0], lines


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"core_dump": 3}, "core_dump is a value of type int; it is the path of a file, False or None"),
        ({"memory_dump": True}, "memory_dump is a value of type bool"),
        ({"profiler": "gprof"}, "profiler is 'gprof'; it is 'perf', 'jitdump' or 'vtune', False or None"),
        ({"core_dump": ""}, "core_dump is ``: it is no path of a file"),
        ({"core_dump": "/nowhere/core"}, "core_dump is `/nowhere/core`: its folder is not there"),
        ({"memory_dump": "/dev/null"}, "memory_dump is `/dev/null`: there is something that is no file"),
    ],
)
def test_mistakes_are_named(settings, message):
    with pytest.raises(extism.ArgumentError, match=message):
        extism.Plugin(ECHO, diagnostics=extism.Diagnostics(**settings))


def test_mistakes_of_the_environment_are_named(monkeypatch):
    monkeypatch.setenv("EXTISM_PROFILE", "gprof")
    message = "the environment variable EXTISM_PROFILE is `gprof`: it is perf, jitdump or vtune"
    with pytest.raises(extism.ArgumentError, match=message):
        extism.Plugin(ECHO)


def test_it_is_an_object_of_its_class():
    with pytest.raises(extism.ArgumentError, match="found a value of type dict"):
        extism.Plugin(ECHO, diagnostics={"core_dump": "core"})
    compiled = extism.CompiledPlugin(ECHO)
    with pytest.raises(extism.ArgumentError, match="diagnostics= is decided when a CompiledPlugin"):
        extism.Plugin(compiled, diagnostics=extism.Diagnostics())
