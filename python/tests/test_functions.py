"""Functions of plug-ins as objects: bound ones, typed ones, and those that are mapped anywhere."""

import concurrent.futures
import dataclasses
import inspect
import itertools
import json
import multiprocessing
import os
import pickle
import threading
from typing import Annotated

import pytest

import extism
from conftest import GUESTS
from processes import output
from wat import ECHO

C = GUESTS / "c/c_zig_freestanding.wasm"
HELLO = [extism.Function("hello_world", [extism.ValType.I64], [extism.ValType.I64], print)]

# Echoes its input; `count` gives how often it was called in this instance, `fail` fails if the input is not empty.
STATE = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (global $calls (mut i32) (i32.const 0))
  (func (export "echo") (result i32) (call $output (call $offset) (call $length)) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))
  (func (export "fail") (result i32)
    (call $output (call $offset) (call $length))
    (i32.wrap_i64 (call $length)))
  (func (export "endless") (loop $l (br $l))))"""


def unique(name):
    """The same, as no other test has it."""
    return f'{STATE[:-1]}(func (export "{name}")))'


def calls(function):
    """How often it was called before, which is its return code."""
    with pytest.raises(extism.ReturnCodeError) as raised:
        function()
    return raised.value.code


def test_a_function_is_a_call_without_its_name(engine):
    plugin = extism.Plugin(STATE, engine=engine)
    echo = plugin.function("echo")
    assert isinstance(echo, extism.PluginFunction)
    assert (echo.name, echo.__name__, echo.plugin) == ("echo", "echo", plugin)
    assert echo() == b""
    assert echo("x") == echo(b"x") == echo(data=bytearray(b"x")) == b"x"
    assert echo("x", parse=bytes.decode) == "x"
    assert echo("x", bytes.decode, timeout=10) == "x"
    assert isinstance(echo("x", parse=None), memoryview)
    assert list(inspect.signature(echo).parameters) == ["data", "parse", "host_context", "timeout", "fuel"]
    with pytest.raises(extism.TimeoutError) as raised:
        plugin.function("endless")(timeout=0.01)
    assert raised.value.function == "endless"
    assert raised.value.plugin_id == plugin.id
    plugin.close()
    with pytest.raises(extism.ClosedError):
        echo("x")
    with pytest.raises(extism.ArgumentError, match="use CompiledPlugin.function"):
        pickle.dumps(echo)


def test_a_function_has_fuel(engine):
    with extism.Plugin(STATE, engine=engine, fuel=1000) as plugin:
        with pytest.raises(extism.OutOfFuelError):
            plugin.function("endless")()
        with pytest.raises(extism.OutOfFuelError):
            plugin.function("echo")("x", fuel=1)


def test_an_unknown_function_is_found_early(engine):
    compiled = extism.CompiledPlugin(STATE, engine=engine)
    for make in (extism.Plugin(compiled).function, compiled.function):
        with pytest.raises(extism.UnknownFunctionError, match="did you mean `echo`"):
            make("ehco")


def everything_that_maps(engine):
    compiled = extism.CompiledPlugin(STATE, engine=engine)
    return [
        extism.Plugin(compiled).function("echo"),
        compiled.function("echo"),
        compiled.function("echo", fresh=True),
        pickle.loads(pickle.dumps(compiled.function("echo"))),
    ]


def test_many_items(engine):
    for echo in everything_that_maps(engine):
        assert echo.batch(["a", b"b"]) == [b"a", b"b"]
        assert echo.batch(iter([])) == []
        assert list(echo.map(str(n) for n in range(5))) == [b"0", b"1", b"2", b"3", b"4"]
        assert list(echo.batches("abcde", 2)) == [[b"a", b"b"], [b"c", b"d"], [b"e"]]
        # As results are asked for.
        assert list(itertools.islice(echo.map(str(n) for n in itertools.count()), 2)) == [b"0", b"1"]
        assert next(echo.batches((str(n) for n in itertools.count()), 2)) == [b"0", b"1"]
        with pytest.raises(extism.ArgumentError, match="size"):
            list(echo.batches("abc", 0))


def test_the_item_that_fails_is_named(engine):
    compiled = extism.CompiledPlugin(STATE, engine=engine)
    items = ["", "", "", "abc", ""]
    for fail in (extism.Plugin(compiled).function("fail"), compiled.function("fail"), compiled.function("fail", fresh=True)):
        for act in (fail.batch, lambda i: list(fail.map(i)), lambda i: list(fail.batches(i, 2)), lambda i: list(fail.batches(i, 9))):
            with pytest.raises(extism.ReturnCodeError) as raised:
                act(items)
            assert (raised.value.item, raised.value.code, raised.value.function) == (3, 3, "fail")
            assert raised.value.__notes__[-1] == "item 3, from 0"
    with pytest.raises(extism.ArgumentError):
        extism.Plugin(compiled).function("echo").batch(["a", 5])


# State.


def test_each_thread_has_an_instance_of_its_own(engine):
    count = extism.CompiledPlugin(STATE, engine=engine).function("count")
    assert [calls(count) for _ in range(3)] == [1, 2, 3]
    # The same function again has the same instance.
    assert calls(pickle.loads(pickle.dumps(count))) == 1
    found = []
    thread = threading.Thread(target=lambda: found.append([calls(count) for _ in range(2)]))
    thread.start()
    thread.join()
    assert found == [[1, 2]]
    assert calls(count) == 4


def test_fresh_instances(engine):
    count = extism.CompiledPlugin(STATE, engine=engine).function("count", fresh=True)
    assert [calls(count) for _ in range(3)] == [1, 1, 1]
    assert count.fresh


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_instances_of_its_own(engine):
    program = f"""
        import os
        import extism
        from test_functions import STATE, calls
        count = extism.CompiledPlugin(STATE, engine={engine!r}).function("count")
        print(calls(count), calls(count), flush=True)
        if os.fork() == 0:
            print(calls(count), calls(count), flush=True)
            os._exit(0)
        os.wait()
        print(calls(count))
    """
    assert output(program) == "1 2\n1 2\n3\n"


def test_pickles_of_one_function_share_what_is_compiled(engine):
    data = pickle.dumps(extism.CompiledPlugin(unique("shared"), engine=engine).function("count"))
    one, two = pickle.loads(data), pickle.loads(data)
    assert one.compiled is two.compiled
    assert calls(one) == 1
    assert calls(two) == 2
    del one, two
    # The next task in the process finds it as well.
    assert calls(pickle.loads(data)) == 3
    assert pickle.loads(data)._pickled == pickle.loads(pickle.dumps(pickle.loads(data)))._pickled


def test_options_go_with_it(engine):
    compiled = extism.CompiledPlugin(STATE, engine=engine, fuel=10**15)
    for function in (compiled.function("endless", timeout=0.01), compiled.function("endless", fuel=100)):
        expected = extism.TimeoutError if "timeout" in function._limits else extism.OutOfFuelError
        for one in (function, pickle.loads(pickle.dumps(function))):
            with pytest.raises(expected):
                one()
    wrong = {"by": "name"}
    with pytest.raises(extism.ArgumentError, match='by= is \'name\'; it is "path" or "bytes"'):
        compiled.function("echo", **wrong)
    vowels = extism.CompiledPlugin(C, functions=HELLO, engine=engine).function("count_vowels", config={"vowels": "xyz"})
    assert json.loads(vowels("xxyaeiou"))["count"] == 3


# What a pickle has of the modules.


def test_by_path(engine, tmp_path):
    path = tmp_path / "state.wat"
    path.write_text(STATE)
    for given in (path, str(path), {"wasm": [{"path": path}]}):
        echo = extism.CompiledPlugin(given, engine=engine).function("echo", by="path")
        data = pickle.dumps(echo)
        assert b"(module" not in data
        assert pickle.loads(data)("x") == b"x"
    path.write_text(STATE.replace("calls", "other"))
    program = f"""
        import pickle
        import extism
        try:
            pickle.loads({data!r})
        except extism.ManifestError as error:
            print(error)
    """
    assert "the module has the SHA-256" in output(program)
    with pytest.raises(extism.ArgumentError, match="was given as bytes; make the plug-in of a path"):
        pickle.dumps(extism.CompiledPlugin(STATE, engine=engine).function("echo", by="path"))
    url = {"wasm": [{"url": "http://127.0.0.1:1/x.wasm"}]}
    with pytest.raises(extism.ArgumentError, match="give its hash"):
        extism._functions._with_paths(url, None)


def test_by_bytes(engine, tmp_path):
    path = tmp_path / "state.wat"
    path.write_text(STATE)
    echo = extism.CompiledPlugin({"wasm": [{"path": path}]}, engine=engine).function("echo", by="bytes")
    data = pickle.dumps(echo)
    path.unlink()
    assert output(f"import pickle\nprint(pickle.loads({data!r})('x'))") == "b'x'\n"


def test_the_second_task_compiles_nothing(engine, tmp_path):
    """A worker has the compiled code from another one through the cache, and from itself."""
    compiled = extism.CompiledPlugin(unique(tmp_path.name), engine=engine, cache=tmp_path / "cache")
    data = pickle.dumps(compiled.function("echo"))
    program = f"""
        import pickle
        echo = pickle.loads({data!r})
        print(echo("x"), echo.compiled.newly_compiled)
    """
    has_code = "compile-cache" in extism.Engine(engine).capabilities
    for _ in range(2):
        assert output(program) == (f"b'x' {0 if has_code else 1}\n")


# On threads and processes.

ITEMS = [f"item {n}" for n in range(500)]
EXPECTED = [item.encode() for item in ITEMS]


def test_executors(engine):
    echo = extism.CompiledPlugin(STATE, engine=engine).function("echo")
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        assert list(executor.map(echo, ITEMS)) == EXPECTED
        batches = [ITEMS[:250], ITEMS[250:]]
        assert [item for batch in executor.map(echo.batch, batches) for item in batch] == EXPECTED


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes(method):
    program = f"""
        import multiprocessing, sys
        import extism
        from test_functions import STATE, ITEMS, EXPECTED

        @extism.host_fn("unused")
        def unused(text: str) -> str:
            return text

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            compiled = extism.CompiledPlugin(STATE)
            with context.Pool(2) as pool:
                assert pool.map(compiled.function("echo"), ITEMS) == EXPECTED
                try:
                    pool.map(compiled.function("fail").batch, [["", "", "ab"]])
                except extism.ReturnCodeError as error:
                    print(error.code, error.function, error.item, error.kind)
    """
    assert output(program) == "2 fail 2 return-code\n"


# Types.


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


@dataclasses.dataclass
class Line:
    name: str
    points: list[Point]


TYPES = {
    "text": (str, str, "é", "é"),
    "bytes": (bytes, bytes, b"\xff", b"\xff"),
    "json": (Annotated[dict, extism.Json], Annotated[dict, extism.Json], {"a": [1]}, {"a": [1]}),
    "number": (Annotated[int, extism.LittleEndian], Annotated[int, extism.LittleEndian], -5, -5),
    "pickle": (Annotated[tuple, extism.Pickle], Annotated[tuple, extism.Pickle], (1, "a"), (1, "a")),
    "codec": (Annotated[str, extism.Codec(str.encode)], Annotated[str, extism.Codec(bytes.decode)], "a", "a"),
    "dataclass": (Annotated[Point, extism.Json], Annotated[Point, extism.Json], Point(1, 2.0), Point(1, 2.0)),
    "made": (Annotated[Point, extism.Json], Annotated[Point, extism.Json], {"x": 3}, Point(3)),
    "nested": (Annotated[Line, extism.Json], Annotated[Line, extism.Json], Line("l", [Point(1)]), Line("l", [Point(1)])),
    "one way": (Annotated[Point, extism.Json], None, Point(1), b'{"x": 1, "y": 0.5}'),
    "the other way": (None, Annotated[Point, extism.Json], '{"x": 1}', Point(1)),
}


@pytest.mark.parametrize(("takes", "gives", "argument", "result"), TYPES.values(), ids=TYPES)
def test_typed(takes, gives, argument, result):
    compiled = extism.CompiledPlugin(ECHO)
    echo = extism.Plugin(compiled).function("echo", takes=takes, gives=gives)
    assert isinstance(echo, extism.TypedFunction)
    for function in (echo, compiled.function("echo", takes=takes, gives=gives)):
        assert function(argument) == result
        assert function.batch([argument] * 2) == [result] * 2
        assert list(function.map([argument])) == [result]


def test_typed_functions_are_pickled():
    echo = extism.CompiledPlugin(ECHO).function("echo", takes=Annotated[Point, extism.Json], gives=Annotated[Point, extism.Json])
    assert pickle.loads(pickle.dumps(echo))(Point(4)) == Point(4)


def test_models_are_validated():
    pydantic = pytest.importorskip("pydantic", reason="needs the package pydantic")

    class Model(pydantic.BaseModel):
        x: int

    echo = extism.Plugin(ECHO).function("echo", takes=Annotated[Model, extism.Json], gives=Annotated[Model, extism.Json])
    assert echo(Model(x=1)) == Model(x=1)
    assert echo({"x": 2}) == Model(x=2)
    with pytest.raises(pydantic.ValidationError):
        echo({"x": "no"})


@pytest.mark.parametrize(("type_", "argument", "error", "text"), [
    (str, b"x", TypeError, "expected a value of type str, found one of type bytes"),
    (Annotated[Point, extism.Json], {"x": "1"}, ValueError, "Point.x: expected a int, found a str"),
    (Annotated[Point, extism.Json], {"x": True}, ValueError, "Point.x: expected a int, found a bool"),
    (Annotated[Point, extism.Json], {"z": 1, "x": 1}, ValueError, "Point: unknown fields z, allowed are x, y"),
    (Annotated[Point, extism.Json], {}, ValueError, "Point: missing fields x"),
    (Annotated[Point, extism.Json], [1], ValueError, "Point: expected a JSON object, found a list"),
    (Annotated[Line, extism.Json], {"name": "l", "points": [{"x": None}]}, ValueError, "Point.x: expected a int, found null"),
])  # fmt: skip
def test_values_of_other_types_are_refused(type_, argument, error, text):
    with pytest.raises(error, match=text):
        extism.Plugin(ECHO).function("echo", takes=type_)(argument)
    if error is ValueError:
        with pytest.raises(error, match=text):
            extism.Plugin(ECHO).function("echo", gives=type_)(json.dumps(argument))


@pytest.mark.parametrize("type_", [int, Point, dict, list[int], Annotated[Point, extism.LittleEndian]])
def test_types_that_say_no_bytes_are_refused(type_):
    for options in ({"takes": type_}, {"gives": type_}):
        with pytest.raises(extism.ArgumentError, match=next(iter(options))):
            extism.Plugin(ECHO).function("echo", **options)


# Arguments of a bound function that do not fit, and what is said. They are those of `Plugin.call` without the name.
MISFITS = {
    "too many": (lambda f: f("x", bytes, None, 1), TypeError, "takes from 0 to 3 positional arguments but 4 were given"),
    "unknown": (lambda f: f("x", delay=1), TypeError, "got an unexpected keyword argument 'delay'"),
    "twice": (lambda f: f("x", data="y"), TypeError, "got multiple values for argument 'data'"),
    "no input": (lambda f: f(1), extism.ArgumentError, "expected a str, bytes or another buffer, found a value of type int"),
    "no input by name": (lambda f: f(data=1), extism.ArgumentError, "found a value of type int"),
    "no function": (lambda f: f("x", 3), extism.ArgumentError, "parse is a callable or None"),
    "no time": (lambda f: f("x", timeout="soon"), extism.ArgumentError, "timeout: expected a number of seconds"),
    "no fuel": (lambda f: f("x", fuel=-1), extism.ArgumentError, "fuel: expected a number of units"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_arguments_that_do_not_fit(name):
    act, error, text = MISFITS[name]
    with pytest.raises(error, match=text):
        act(extism.Plugin(ECHO).function("echo"))


def test_arguments_by_position_and_by_name():
    f = extism.Plugin(ECHO).function("echo")
    assert f() == b""
    assert f("x") == f(data="x") == f("x", bytes) == f("x", parse=bytes, host_context=None, timeout=None, fuel=None) == b"x"
    assert f("x", len) == f(parse=len, data="x") == 1
    assert isinstance(f("x", None), memoryview)
    assert f("x", timeout=10.0) == b"x"
