"""`extism.compare`, and the example that uses it."""

import dataclasses
import itertools
import json
import math
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import extism

from conftest import BUILT_IN
from wat import CANONICAL, ECHO, NAN, THROUGH_HOST, function

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "conformance.py"
SIMD = function("(drop (v128.const i64x2 0 0))")
ENDLESS = function("(loop $again (br $again))")

I64 = extism.ValType.I64


def host(f):
    """A host function from a block to a block."""

    def body(plugin, params, results):
        plugin.return_bytes(results[0], f(plugin, plugin.input_bytes(params[0])))

    return extism.Function("host", [I64], [I64], body)


def test_engines_agree_on_a_real_plugin(guests):
    plugin = guests / "assemblyscript" / "as_pdk.wasm"
    config = {"vowels": "aeiouy"}
    hello = extism.Function(
        "hello_world",
        [I64],
        [I64],
        lambda plugin, params, results: (
            plugin.log("warn", "called"),
            plugin.return_string(results[0], "hello"),
        ),
    )
    calls = [("count_vowels", "yes"), ("call_host", b"x"), ("echo", bytearray(b"\xff"))]
    report = extism.compare(plugin, calls, config=config, functions=[hello])
    assert report.equal and report.verdict == "equal" and report.differences == (), report
    assert [run.engine for run in report.runs] == BUILT_IN
    for run in report.runs:
        assert run.error is None and run.seconds > 0
        vowels, called, echo = run.steps
        assert (vowels.function, vowels.input) == ("count_vowels", b"yes")
        assert b'"count":2' in vowels.output and vowels.error is None
        assert set(vowels.vars) == {"total"} == set(echo.vars)
        assert called.log == (extism.LogLine("warn", "called"),) and vowels.log == ()
        assert called.lost_lines == 0
        assert echo.output == b"\xff" and echo.stdout == b"" and echo.stderr == b""
        assert all(step.memory >= 65536 and step.seconds > 0 for step in run.steps)
    text = str(report)
    assert text.startswith("equal: ") and all(engine in text for engine in BUILT_IN)
    assert max(map(len, text.splitlines())) <= 120
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.text = ""


def test_a_function_that_no_engine_finds_is_a_mistake():
    """The engines agree that it is not there, which nobody wants to know."""
    for calls in (["ehco"], ["echo", ("ehco", "x")]):
        with pytest.raises(extism.UnknownFunctionError, match="did you mean `echo`"):
            extism.compare(ECHO, calls)


def test_one_pair_is_one_call():
    [step] = extism.compare(ECHO, ("echo", "x")).runs[0].steps
    assert (step.function, step.output) == ("echo", b"x")
    [step] = extism.compare(ECHO, ("echo", b"x")).runs[0].steps
    assert step.output == b"x"


def test_forms_of_a_report():
    report = extism.compare(ECHO, [("echo", b"\xff<")])
    found = json.loads(report.to_json())
    assert found["equal"] and found["differences"] == []
    assert [run["engine"] for run in found["runs"]] == BUILT_IN
    assert found["runs"][0]["steps"][0]["output"] == "\ufffd<"
    shown = report._repr_mimebundle_()
    assert shown == {"text/plain": str(report), "text/html": report._repr_html_()}
    assert shown["text/html"].startswith("<table>\n<caption>equal</caption>")


def test_what_differs_is_reported():
    turns = itertools.count()
    answer = host(lambda plugin, data: b"%s %d" % (data, next(turns)))
    report = extism.compare(THROUGH_HOST, [("run", "turn")], functions=[answer])
    [difference] = report.differences
    assert not report.equal and report.verdict == "different"
    assert (difference.call, difference.function, difference.what) == (0, "run", "outcome")
    expected = [(engine, f'ok 6 bytes "turn {turn}"') for turn, engine in enumerate(BUILT_IN)]
    assert list(difference.values) == expected
    assert "difference in 1 run: outcome" in str(report)


def test_the_same_engine_twice(engine):
    turns = itertools.count()

    def count(plugin, data):
        plugin.vars["turn"] = str(next(turns))
        return data

    arguments = {"functions": [host(count)]}
    report = extism.compare(THROUGH_HOST, ["run"], [engine, extism.Engine(engine)], **arguments)
    assert [run.engine for run in report.runs] == [engine, engine]
    assert [one.what for one in report.differences] == ["vars"]
    assert [run.steps[0].vars for run in report.runs] == [{"turn": b"0"}, {"turn": b"1"}]
    assert extism.compare(THROUGH_HOST, ["run"], [engine], **arguments).equal


def test_engines_are_deterministic(engine):
    plugins = [extism.Engine(engine), extism.Engine(engine, deterministic=True)]
    report = extism.compare(NAN, ["run"], plugins)
    assert report.equal and [run.engine for run in report.runs] == [engine, engine]
    for run in report.runs:
        assert run.steps[0].output == CANONICAL


def test_failures_are_the_same_and_keep_their_cause():
    def fail(plugin, data):
        raise LookupError("no such thing")

    report = extism.compare(THROUGH_HOST, ["run"], functions=[host(fail)])
    assert report.equal, report
    for run in report.runs:
        error = run.steps[0].error
        assert isinstance(error, extism.HostFunctionError)
        assert isinstance(error.__cause__, LookupError)
        assert str(error) == "host function `host` raised LookupError: no such thing"


def test_engines_that_cannot_run_it():
    report = extism.compare(SIMD, ["run"])
    cannot = [run.engine for run in report.runs if run.error is not None]
    can = [run.engine for run in report.runs if run.error is None]
    assert can and cannot
    assert [(one.what, one.call, one.function) for one in report.differences] == [
        ("start", None, None)
    ]
    for run in report.runs:
        assert len(run.steps) == (run.engine in can)
        assert run.error is None or isinstance(run.error, extism.UnsupportedError)
    assert extism.compare(SIMD, ["run"], unsupported="ignore").equal
    assert extism.compare(SIMD, ["run"], can).equal


# A plug-in that no engine can make, and why.
NOWHERE = {
    "link": ('(module (import "a" "b" (func)) (func (export "run")))', extism.LinkError),
    "wasi": ('(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))', extism.LinkError),
    "invalid": ("(module (func (export \"run\") (result i32)))", extism.InvalidModuleError),
    "unsupported": ('(module (memory 1 1 shared) (func (export "run")))', extism.UnsupportedError),
    "start": ('(module (memory 1) (data (i32.const 65536) "x") (func (export "run")))', extism.TrapError),
}


@pytest.mark.parametrize("unsupported", ["difference", "ignore"])
@pytest.mark.parametrize(("module", "kind"), NOWHERE.values(), ids=NOWHERE)
def test_what_runs_nowhere_is_not_equal(module, kind, unsupported):
    report = extism.compare(module, ["run"], functions=[], unsupported=unsupported)
    assert report.verdict == "not run" and not report.equal and report.differences == ()
    assert all(isinstance(run.error, kind) and not run.steps for run in report.runs)
    assert str(report).startswith("not run, because no engine could make the plug-in: ")
    # The reason is there in full, in lines that terminals show.
    assert str(report.runs[0].error).split("; in Python: ")[0] in " ".join(str(report).split())
    assert max(map(len, str(report).splitlines())) <= 120
    assert report.to_dict()["verdict"] == "not run"
    assert "<caption>not run</caption>" in report._repr_html_()


def test_time_limits():
    report = extism.compare(ENDLESS, ["run"], timeout=0.05)
    assert report.equal, report
    assert all(isinstance(run.steps[0].error, extism.TimeoutError) for run in report.runs)
    manifest = {"wasm": [{"data": ENDLESS.encode()}], "timeout_ms": 10}
    report = extism.compare(manifest, ["run"])
    assert {str(run.steps[0].error) for run in report.runs} == {
        "the call did not end within its time limit of 10 ms"
    }
    assert extism.compare(ECHO, ["echo"], timeout=math.inf).equal


def test_output_of_wasi_is_compared():
    write = """(import "wasi_snapshot_preview1" "random_get"
          (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\\10\\00\\00\\00\\08\\00\\00\\00")"""
    body = """(drop (call $random (i32.const 16) (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"""
    module = function(body, write)
    report = extism.compare(module, ["run"], wasi=extism.Wasi(stdout="capture"))
    assert [one.what for one in report.differences] == ["stdout"]
    report = extism.compare(module, ["run"], wasi=extism.Wasi(stdout="capture", seed=1))
    assert report.equal, report
    assert all(len(run.steps[0].stdout) == 8 for run in report.runs)


def test_what_stops_a_program_stops_a_comparison():
    calls = []

    def interrupt(plugin, data):
        calls.append(data)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extism.compare(THROUGH_HOST, ["run", "run"], functions=[host(interrupt)])
    assert len(calls) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_a_signal_handler_ends_a_comparison():
    def ring(number, frame):
        raise LookupError("the alarm rings")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(LookupError, match="the alarm rings"):
            extism.compare(ENDLESS, ["run"] * 3)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"calls": []}, "`calls` is empty, at least one is needed: nothing would be compared"),
        ({"engines": []}, "`engines` is empty, at least one is needed: nothing would be compared"),
        ({"calls": "run"}, "calls is a list of names and of pairs (name, input), found a str"),
        ({"engines": "wasmtime"}, "engines is a list, found a str"),
        (
            {"calls": [("run", b"", 1)]},
            "a call is the name of a function or a pair (name, input), found a value of type tuple",
        ),
        (
            {"calls": [7]},
            "a call is the name of a function or a pair (name, input), found a value of type int",
        ),
        (
            {"unsupported": "maybe"},
            'unsupported is "maybe", allowed are difference, ignore',
        ),
        (
            {"log_level": "loud"},
            'unknown level of a log line "loud", allowed are trace, debug, info, warn, error',
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(extism.ArgumentError) as raised:
        extism.compare(ECHO, **{"calls": ["echo"]} | arguments)
    assert str(raised.value) == message


def test_unknown_engines_and_manifests():
    with pytest.raises(extism.UnknownEngineError, match="built in are"):
        extism.compare(ECHO, ["echo"], ["v8"])
    with pytest.raises(extism.ManifestError):
        extism.compare({"wasm": 1}, ["echo"])


def python(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def test_the_example_finds_the_engines_equal():
    done = python(str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("equal: " + ", ".join(BUILT_IN))
    assert "the guest says" not in done.stderr


def test_the_example_fails_on_a_difference():
    program = f"""
        import itertools, sys
        sys.path.insert(0, {str(EXAMPLE.parent)!r})
        import conformance, extism
        turns = itertools.count()

        @extism.host_fn()
        def turn() -> int:
            return next(turns)

        conformance.PLUGIN = '''(module (import "extism:host/user" "turn" (func $t (result i64)))
            (func (export "run") (result i32) (i32.wrap_i64 (call $t))))'''
        conformance.CALLS = ["run"]
        sys.exit(conformance.main([]))
        """
    done = python("-c", textwrap.dedent(program))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "difference in 1 run: outcome" in done.stdout
