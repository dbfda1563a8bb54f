"""Log lines of guests: levels, files, callables, and what replaces what."""

import gc
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import extism
from conftest import ENGINES
from processes import OPTIONS
from wat import importing

I64 = extism.ValType.I64
LEVELS = ["trace", "debug", "info", "warn", "error"]
OFF = 2147483647
LIMIT = 4 << 20

# Logs the input, once or often, or gives what it sees of the level.
LOG = f"""(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "get_log_level" (func $level (result i32)))
  {" ".join(f'(import "extism:host/env" "log_{level}" (func ${level} (param i64)))' for level in LEVELS)}
  {" ".join(f'(func (export "{level}") (call ${level} (call $offset)))' for level in LEVELS)}
  (func (export "wild") (call $info (i64.const 12345)))
  (func (export "null") (call $info (i64.const 0)))
  (func (export "level") (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (i64.extend_i32_u (call $level)))
    (call $output (local.get $block) (i64.const 8))))"""


@pytest.fixture(autouse=True)
def off_afterwards():
    yield
    extism.set_log_file("stderr", "off")


@pytest.fixture
def guest(engine):
    return extism.Plugin(LOG, engine=engine)


@pytest.fixture
def unraisable(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: raised.append((hook.exc_value, hook.object)))
    return raised


def level_seen(guest):
    return int.from_bytes(guest.call("level"), "little")


def texts(lines):
    """The levels and texts of lines of the one format that there is."""
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    line = re.compile(rf'{stamp} ([ A-Z]{{5}}) extism::pdk: (.*) plugin="[0-9a-f-]{{36}}"\n', re.DOTALL)
    found = [line.fullmatch(text) for text in lines]
    assert all(found), lines
    return [(match[1].strip().lower(), match[2]) for match in found]


def drained(log, lines):
    lines.clear()
    log.drain()
    return texts(lines)


def test_format(guest):
    lines = []
    log = extism.set_log_custom(lines.append, "trace")
    for level in LEVELS:
        guest.call(level, f"value-\u00e4 {level}")
    assert lines == []
    log.drain()
    assert texts(lines) == [(level, f"value-\u00e4 {level}") for level in LEVELS]
    assert all(line.endswith(f' plugin="{guest.id}"\n') for line in lines)
    assert " ERROR extism::pdk: value-\u00e4 error plugin=" in lines[-1]


@pytest.mark.parametrize("level", [*LEVELS, "off", "WARN", "Debug", "OFF"])
def test_the_level_is_that_of_the_setting(guest, level):
    lines = []
    log = extism.set_log_custom(lines.append, level)
    logged = [*LEVELS, "off"][[*LEVELS, "off"].index(level.lower()) : 5]
    assert level_seen(guest) == (LEVELS.index(level.lower()) if logged else OFF)
    for name in LEVELS:
        guest.call(name, name)
    assert drained(log, lines) == [(name, name) for name in logged]


def test_without_a_level_errors_are_logged(guest, tmp_path):
    lines = []
    log = extism.set_log_custom(lines.append)
    assert level_seen(guest) == 4
    guest.call("warn", "no")
    guest.call("error", "yes")
    assert drained(log, lines) == [("error", "yes")]
    extism.set_log_file(file=str(tmp_path / "log"), level=None)
    assert level_seen(guest) == 4


def test_the_c_guest(engine, guests):
    hello_world = extism.Function("hello_world", [I64], [I64], print)
    plugin = extism.Plugin(guests / "c/c_zig_freestanding.wasm", functions=[hello_world], engine=engine)
    lines = []
    log = extism.set_log_custom(lines.append, "warn")
    plugin.call("log_test")
    assert drained(log, lines) == [("warn", "warn from C"), ("error", "error from C")]


CHILD = """
import os, sys, extism
def level(plugin):
    return int.from_bytes(plugin.call("level"), "little")
guests = [extism.Plugin(sys.argv[1], engine=engine) for engine in sys.argv[3:]]
for guest in guests:
    assert level(guest) == 2147483647
    guest.call("error", "nobody listens")
    guest.call("wild")
extism.set_log_file(sys.argv[2], "info")
for guest in guests:
    assert level(guest) == 2
    guest.call("info", "parent")
if hasattr(os, "fork"):
    child = os.fork()
    for guest in guests:
        guest.call("info", "both")
    if child == 0:
        extism.set_log_file(sys.argv[2], "error")
        guests[0].call("error", "child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    guests[0].call("info", "parent")
waiting = extism.set_log_custom(lambda line: print("drained", end=" "), "info")
guests[0].call("info", "at the end")
"""


def test_off_before_anything_is_set(tmp_path):
    path = tmp_path / "log"
    # Newer Pythons warn of forks beside threads.
    command = [sys.executable, *OPTIONS, "-c", CHILD, LOG, str(path), *ENGINES]
    child = subprocess.run(command, capture_output=True, text=True, timeout=300)
    # What waits when the process ends is drained.
    assert (child.returncode, child.stdout, child.stderr) == (0, "drained ", "")
    found = [text for _, text in texts(path.read_text().splitlines(keepends=True))]
    forked = {"both": 2 * len(ENGINES), "child": 1, "parent": len(ENGINES) + 1}
    expected = forked if hasattr(os, "fork") else {"parent": len(ENGINES)}
    assert {text: found.count(text) for text in sorted(set(found))} == expected


def test_files_are_appended_to_and_replaced(guest, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("before\n")
    for path, name, text in [(one, "info", "1"), (str(two), "info", "2"), (one, "warn", "3"), (two, "error", "4")]:
        extism.set_log_file(path, name)
        guest.call("debug", "never")
        guest.call(name, text)
    extism.set_log_file(two, "off")
    guest.call("error", "never")
    before, *lines = one.read_text().splitlines(keepends=True)
    assert before == "before\n"
    assert texts(lines) == [("info", "1"), ("warn", "3")]
    assert texts(two.read_text().splitlines(keepends=True)) == [("info", "2"), ("error", "4")]


def test_standard_streams(guest, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ["stdout", "stderr", "-"]:
        extism.set_log_file(name, "info")
        guest.call("info", name)
    out, err = capfd.readouterr()
    assert texts(out.splitlines(keepends=True)) == [("info", "stdout")]
    assert texts(err.splitlines(keepends=True)) == [("info", "stderr"), ("info", "-")]
    assert list(tmp_path.iterdir()) == []
    # A path is always a file.
    extism.set_log_file(Path("stdout"), "info")
    guest.call("info", "file")
    assert texts([Path("stdout").read_text()]) == [("info", "file")]


def test_wrong_arguments_change_nothing(guest, tmp_path):
    lines = []
    log = extism.set_log_custom(lines.append, "info")
    allowed = 'unknown log level "loud", allowed are trace, debug, info, warn, error, off'
    for act in [lambda: extism.set_log_file(tmp_path / "no", "loud"), lambda: extism.set_log_custom(print, "loud")]:
        with pytest.raises(extism.ArgumentError, match=allowed):
            act()
    for path, cause in [(tmp_path, OSError), (tmp_path / "no" / "log", FileNotFoundError), ("", FileNotFoundError)]:
        with pytest.raises(extism.ArgumentError, match="cannot log to ") as raised:
            extism.set_log_file(path, "trace")
        assert isinstance(raised.value.__cause__, cause)
    with pytest.raises(extism.ArgumentError, match="cannot log to "):
        extism.set_log_file("a\0b")
    with pytest.raises(extism.ArgumentError, match="f is not callable, it is of type int"):
        extism.set_log_custom(1)
    for arguments in [(1,), ("log", 1), (None,)]:
        with pytest.raises(TypeError):
            extism.set_log_file(*arguments)
    assert list(tmp_path.iterdir()) == []
    assert level_seen(guest) == 2
    guest.call("info", "still here")
    assert drained(log, lines) == [("info", "still here")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_reported_once(guest, unraisable):
    for _ in range(2):
        extism.set_log_file("/dev/full", "info")
        for _ in range(3):
            assert guest.call("info", "lost") == b""
    assert [type(raised) for raised, _ in unraisable] == [OSError] * 2


def test_settings_replace_each_other(guest, tmp_path):
    one, two = [], []
    first = extism.set_log_custom(one.append, "info")
    guest.call("info", "1")
    second = extism.set_log_custom(two.append, "error")
    guest.call("info", "no")
    guest.call("error", "2")
    del second
    assert texts(two) == [("error", "2")]
    extism.set_log_file(tmp_path / "log", "info")
    guest.call("info", "3")
    assert drained(first, one) == [("info", "1")]
    # The logger that goes is not the one in force.
    del first
    assert level_seen(guest) == 2
    guest.call("info", "4")
    lines = (tmp_path / "log").read_text().splitlines(keepends=True)
    assert texts(lines) == [("info", "3"), ("info", "4")]


def test_a_logger_that_goes_drains_and_ends_logging(guest):
    class Owner:
        def __init__(self):
            self.log = extism.set_log_custom(self.take, "info")

        def take(self, line):
            lines.append(line)

    lines = []
    owner = Owner()
    guest.call("info", "last")
    del owner
    # It holds itself, so it takes the collector.
    gc.collect()
    assert texts(lines) == [("info", "last")]
    assert level_seen(guest) == OFF
    extism.set_log_custom(lines.append, "info")
    assert level_seen(guest) == OFF


def test_a_callable_that_raises_loses_no_line(guest, unraisable):
    def take(line):
        lines.append(line)
        if "wrong" in line:
            raise ValueError(line)

    lines = []
    log = extism.set_log_custom(take, "info")
    for text in ["1", "wrong", "2", "wrong", "3"]:
        guest.call("info", text)
    log.drain()
    assert [text for _, text in texts(lines)] == ["1", "wrong", "2", "wrong", "3"]
    assert [(str(raised), f) for raised, f in unraisable] == [(lines[1], take), (lines[3], take)]
    log.drain()
    assert len(lines) == 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes_through(guest, error):
    def take(line):
        lines.append(line)
        if "stop" in line:
            raise error

    lines = []
    log = extism.set_log_custom(take, "info")
    for text in ["1", "stop", "2"]:
        guest.call("info", text)
    with pytest.raises(error):
        log.drain()
    assert len(lines) == 2
    assert drained(log, lines) == [("info", "2")]


def test_lines_that_are_logged_meanwhile_wait(guest):
    def take(line):
        lines.append(line)
        guest.call("info", "again")
        log.drain() if "first" in line else None

    lines = []
    log = extism.set_log_custom(take, "info")
    guest.call("info", "first")
    log.drain()
    assert [text for _, text in texts(lines)] == ["first", "again"]
    assert len(drained(log, lines)) == 1
    extism.set_log_file("stderr", "off")
    assert len(drained(log, lines)) == 1
    assert drained(log, lines) == []


def test_what_waits_is_bounded(guest):
    lines = []
    log = extism.set_log_custom(lines.append, "error")
    for index in range(200):
        guest.call("error", f"{index:03}" + "x" * 50_000)
    guest.call("error", "y" * 1_000_000)
    log.drain()
    note, *rest = lines
    assert sum(map(len, rest)) <= LIMIT < sum(map(len, rest)) + 51_000
    dropped = 201 - len(rest)
    assert re.fullmatch(rf"\S{{27}}  WARN extism::log: {dropped} lines were dropped, only {LIMIT} bytes can wait\n", note)
    assert [text[:3] for _, text in texts(rest[:-1])] == [f"{index:03}" for index in range(dropped, 200)]
    # Core cuts lines.
    assert texts(rest[-1:]) == [("error", "y" * (64 << 10))]
    guest.call("error", "on")
    assert drained(log, lines) == [("error", "on")]


def test_odd_lines(guest):
    lines = []
    log = extism.set_log_custom(lines.append, "info")
    odd = {b"a\nb": "a\nb", b"\xff": "\ufffd", b"\x1b[31m": r"\x1b[31m", b"{} %s": "{} %s", b"\0": "\0"}
    for line in odd:
        guest.call("info", line)
    guest.call("null")
    assert [text for _, text in drained(log, lines)] == [*odd.values(), ""]
    # A bad handle matters only if its line is logged.
    with pytest.raises(extism.Error, match="12345"):
        guest.call("wild")
    extism.set_log_file("stderr", "warn")
    guest.call("wild")


def test_in_a_host_function(engine):
    def host(plugin, params, results):
        other.call("info", "inner")
        log.drain()

    lines = []
    module = f"""(module {importing("")}
      (func (export "run") (call $host)))"""
    other = extism.Plugin(LOG, engine=engine)
    log = extism.set_log_custom(lines.append, "info")
    extism.Plugin(module, functions=[extism.Function("host", [], [], host)], engine=engine).call("run")
    assert texts(lines) == [("info", "inner")]


def test_many_threads(engine, tmp_path):
    """Each line comes out once and whole, whatever is set meanwhile."""

    def work(index):
        plugin = extism.Plugin(compiled)
        while not done.is_set():
            plugin.call("info", f"{index}/{counts[index]}")
            counts[index] += 1
            logs[-1].drain()

    compiled = extism.CompiledPlugin(LOG, engine=engine)
    path = tmp_path / "log"
    lines = []
    counts = [0] * 4
    done = threading.Event()
    logs = [extism.set_log_custom(lines.append, "info")]
    threads = [threading.Thread(target=work, args=[index]) for index in range(4)]
    [thread.start() for thread in threads]
    # Until each of them has logged something, and there was some change meanwhile.
    while len(logs) < 50 or not all(counts):
        extism.set_log_file(path, "info")
        logs.append(extism.set_log_custom(lines.append, "trace"))
    done.set()
    [thread.join() for thread in threads]
    [log.drain() for log in logs]
    found = texts(lines + path.read_text().splitlines(keepends=True))
    expected = [f"{index}/{count}" for index in range(4) for count in range(counts[index])]
    assert sorted(text for _, text in found) == sorted(expected)
