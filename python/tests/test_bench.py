"""`extism.bench`: what it measures is not compared with numbers, but its parts have to fit together."""

import builtins
import dataclasses
import json
import sys

import pytest

import extism
from conftest import BUILT_IN
from extism._bench import _Subject
from wat import ECHO, THROUGH_HOST, function

TRAP = function("unreachable")
SIMD = function("(drop (v128.const i64x2 0 0))")
I64 = extism.ValType.I64
#: Short rounds: the figures do not matter here.
FAST = 0.01


def answering(calls):
    """A host function from a block to a block that counts its calls."""

    def body(plugin, params, results):
        calls.append(plugin.input_bytes(params[0]))
        plugin.return_bytes(results[0], calls[-1])

    return extism.Function("host", [I64], [I64], body)


def test_every_engine_has_its_costs():
    report = extism.bench(ECHO, "echo", "hello", seconds=FAST)
    assert [cost.engine for cost in report.costs] == BUILT_IN
    assert (report.function, report.input_bytes, report.errors) == ("echo", 5, {})
    assert report.equal
    for cost in report.costs:
        assert cost.output == b"hello" and cost.calls >= 9
        assert 0 < cost.call.low <= cost.call.median <= cost.call.high
        assert cost.entering > 0 and cost.compile > 0 and cost.first_call > 0
        parts = cost.entering + cost.guest + cost.host + cost.copying
        assert parts == pytest.approx(cost.call.median)


# Microseconds of each measurement, calls and microseconds of host functions, and the parts: entering, guest, copying,
# host.
PARTS = {
    "room": ((10, 1, 3, 1, 2), (1, 4), (1, 2, 3, 4)),
    "none for the guest": ((4, 1, 3, 1, 2), (1, 4), (4 / 8, 0, 3 / 2, 2)),
    "only entering": ((2, 3, 3, 3, 3), (0, 0), (2, 0, 0, 0)),
    "shorter with an input": ((5, 3, 2, 2, 1), (0, 0), (3, 2, 0, 0)),
}


@pytest.mark.parametrize(("times", "host", "parts"), PARTS.values(), ids=PARTS)
def test_parts_add_up_whatever_noise_does(times, host, parts):
    names = ("call", "entering", "given", "taken", "returned")
    subject = _Subject(dict.fromkeys(names, int), extism._native.Stopwatch(), (1.0, 1.0, b""), True)
    for name, seconds in zip(names, times, strict=True):
        subject.timed[name].seconds = [seconds * 1e-6]
    subject.host = [(host[0], host[1] * 1e-6)]
    cost = subject.cost("engine")
    found = [1e6 * value for value in (cost.entering, cost.guest, cost.copying, cost.host)]
    assert sum(found) == pytest.approx(times[0])
    report = extism.Benchmark("f", 0, (cost,), {})
    assert ("below the resolution" in str(report)) is (cost.guest == 0)
    assert found == pytest.approx(parts)


def test_both_kinds_of_results_are_measured(engine):
    engines = [engine, extism.Engine(engine, deterministic=True), extism.Engine(engine)]
    report = extism.bench(ECHO, "echo", "hello", engines, seconds=FAST)
    assert [cost.engine for cost in report.costs] == [engine, f"{engine}, deterministic"]


def test_host_functions_are_counted(engine):
    calls = []
    report = extism.bench(THROUGH_HOST, "run", "x", [engine], functions=[answering(calls)], seconds=FAST)
    [cost] = report.costs
    assert cost.output == b"x" and set(calls) == {b"x"}
    assert cost.host_calls == 1 and cost.host > 0
    [without] = extism.bench(ECHO, "echo", "x", [engine], seconds=FAST).costs
    assert (without.host_calls, without.host) == (0, 0)


def test_builtins_count_as_host_functions(engine, guests):
    plugin = guests / "c" / "c_zig_freestanding.wasm"
    unused = extism.Function("hello_world", [I64], [I64], lambda plugin, params, results: None)
    report = extism.bench(
        plugin, "count_vowels", "hello", [engine], functions=[unused], config={"vowels": "e"}, seconds=FAST
    )
    [cost] = report.costs
    # `config_get`, `var_get` and `var_set`.
    assert cost.host_calls == 3
    assert json.loads(cost.output) == {"count": 1, "total": 1, "vowels": "e"}


def test_a_long_output_costs_copying(engine):
    data = bytes(1 << 20)
    [large] = extism.bench(ECHO, "echo", data, [engine], seconds=FAST).costs
    assert large.output == data and large.copying > 0


def test_engines_that_cannot_run_it():
    report = extism.bench(SIMD, "run", seconds=FAST)
    can = [cost.engine for cost in report.costs]
    assert can and report.errors and {*can, *report.errors} == set(BUILT_IN)
    for engine, error in report.errors.items():
        assert isinstance(error, extism.UnsupportedError)
        assert engine in str(report) and str(error) in str(report)


def test_what_the_report_says(engine):
    report = extism.bench(ECHO, "echo", b"1234567", [engine], seconds=FAST, timeout=60)
    text = str(report)
    assert "`echo`, 7 bytes" in text and "entering" in text and engine in text
    assert max(map(len, text.splitlines())) <= 140
    values = json.loads(report.to_json())
    assert values == report.to_dict()
    [cost] = values["costs"]
    assert cost["engine"] == engine and cost["output_bytes"] == 7
    assert cost["call"]["median"] == report.costs[0].call.median
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.function = ""


def test_outputs_that_differ_are_told():
    turns = iter(range(1000000))

    def count(plugin, params, results):
        plugin.return_string(results[0], str(next(turns)))

    host = extism.Function("host", [I64], [I64], count)
    report = extism.bench(THROUGH_HOST, "run", functions=[host], seconds=FAST)
    assert not report.equal and "the outputs of the engines differ" in str(report)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"engines": []}, "`engines` is empty"),
        ({"engines": "wasmtime"}, "engines is a list, found a str"),
        ({"seconds": 0}, "seconds is 0, allowed are numbers above 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises(extism.ArgumentError, match=text):
        extism.bench(ECHO, "echo", **arguments)


def test_what_cannot_be_measured(engine):
    with pytest.raises(extism.UnknownEngineError):
        extism.bench(ECHO, "echo", engines=["nothing"])
    with pytest.raises(extism.UnknownFunctionError):
        extism.bench(ECHO, "nothing", engines=[engine])
    with pytest.raises(extism.TrapError):
        extism.bench(TRAP, "run", engines=[engine])


def test_without_matplotlib_the_error_names_it(engine, monkeypatch, tmp_path):
    report = extism.bench(ECHO, "echo", engines=[engine], seconds=FAST)
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **named)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install matplotlib") as raised:
        report.plot(tmp_path / "chart.png")
    assert raised.value.name == "matplotlib" and not (tmp_path / "chart.png").exists()


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plot(engine, tmp_path, suffix):
    report = extism.bench(ECHO, "echo", engines=[engine], seconds=FAST)
    path = tmp_path / f"chart.{suffix}"
    report.plot(path)
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(start)
