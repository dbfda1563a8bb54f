"""Guest backtraces as Python sees them. What is in them on which engine, the Rust tests say."""

import pickle
import traceback

import pytest

import extism
from conftest import ENGINES

TRACED = [name for name in ENGINES if "backtrace" in extism.Engine(name).capabilities]


@pytest.fixture(params=TRACED)
def engine(request):
    return request.param


MODULE = """(module
  (import "extism:host/user" "host" (func $host))
  (func $inner unreachable)
  (func $_ZN5outer17h0E (export "trap") (call $inner))
  (func (export "host") (call $host))
  (func (export "code") (result i32) (i32.const 7)))"""


def fail(engine, name, host=lambda plugin, params, results: 1 / 0):
    functions = [extism.Function("host", [], [], host)]
    plugin = extism.Plugin(MODULE, functions=functions, engine=engine)
    with pytest.raises(extism.Error) as raised:
        plugin.call(name)
    return raised.value


def test_frames(engine):
    error = fail(engine, "trap")
    assert error.backtrace == (
        extism.Frame("main", "inner", 1),
        extism.Frame("main", "_ZN5outer17h0E", 2),
    )
    assert [str(frame) for frame in error.backtrace] == ["main!inner", "main!_ZN5outer17h0E"]
    assert fail(engine, "code").backtrace is None
    assert fail(engine, "nobody").backtrace is None


def test_of_a_host_function(engine):
    error = fail(engine, "host")
    assert error.backtrace == (extism.Frame("main", None, 3),)
    assert str(error.backtrace[0]) == "main!function[3]"
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_is_shown_but_is_no_part_of_the_text(engine):
    error = fail(engine, "trap")
    assert str(error) == "the guest trapped: unreachable executed"
    note = "guest backtrace, the innermost function first:\n  main!inner\n  main!_ZN5outer17h0E"
    assert error.__notes__ == [note]
    assert not hasattr(fail(engine, "code"), "__notes__")
    if hasattr(error, "add_note"):
        assert note in "".join(traceback.format_exception(error))


def test_errors_are_pickled_with_their_attributes(engine):
    for name in ["trap", "host", "code", "nobody"]:
        error = fail(engine, name)
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert copy.function == "nobody"


def test_of_a_plugin_in_a_host_function():
    for engine in TRACED:
        for inner in TRACED:

            def host(plugin, params, results):
                raise fail(inner, "trap")

            error = fail(engine, "host", host)
            assert [str(frame) for frame in error.backtrace] == ["main!function[3]"]
            frames = [str(frame) for frame in error.__cause__.backtrace]
            assert frames == ["main!inner", "main!_ZN5outer17h0E"]


def test_engines_without_backtraces_say_nothing():
    for engine in set(ENGINES) - set(TRACED):
        assert fail(engine, "trap").backtrace is None
