"""Arguments of the wrong type: an error says which argument it is, what it takes and what was found."""

import asyncio

import extism
import pytest

ECHO = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (call $output (call $offset) (call $length))))"""


@pytest.fixture
def compiled(engine):
    return extism.CompiledPlugin(ECHO, engine=engine)


def read_key(plugin):
    return plugin.vars[5]


# What is called with a compiled plug-in, and what the error says.
WRONG = {
    "the name of a function": (
        lambda c: extism.Plugin(c).call(5),
        "the name of a function: expected a str, found a value of type int",
    ),
    "a function that is looked up": (
        lambda c: extism.Plugin(c).function(None),
        "the name of a function: expected a str, found a value of type NoneType",
    ),
    "a compiled function": (
        lambda c: c.function(b"echo"),
        "the name of a function: expected a str, found a value of type bytes",
    ),
    "whether there is a function": (
        lambda c: extism.Plugin(c).function_exists(5),
        "the name of a function: expected a str, found a value of type int",
    ),
    "functions": (
        lambda _: extism.Plugin(ECHO, functions=5),
        "functions: expected a list of extism.Function objects, found a value of type int",
    ),
    "compile_timeout": (
        lambda _: extism.Plugin(ECHO, compile_timeout=-1),
        "compile_timeout: expected a number of seconds, at least 0, found -1",
    ),
    "http_response_headers": (
        lambda _: extism.CompiledPlugin(ECHO, http_response_headers="yes"),
        "http_response_headers: expected True or False, found a value of type str",
    ),
    "reuse": (
        lambda c: extism.Pool(c, reuse=None),
        "reuse: expected True or False, found a value of type NoneType",
    ),
    "deterministic": (
        lambda _: extism.Engine("wasmtime", deterministic=1),
        "deterministic: expected True or False, found a value of type int",
    ),
    "the name of an engine": (lambda _: extism.Engine(5), "name: expected a str, found a value of type int"),
    "the key of a variable": (
        lambda c: extism.Plugin(c).vars.__setitem__(5, b""),
        "key: expected a str, found a value of type int",
    ),
    "the key that is looked up": (
        lambda c: read_key(extism.Plugin(c)),
        "key: expected a str, found a value of type int",
    ),
    "args": (
        lambda _: extism.Wasi(args=5),
        "args: expected a list of texts, found a value of type int",
    ),
    "one of args": (lambda _: extism.Wasi(args=["a", 1]), "args: expected a str, found a value of type int"),
    "env": (lambda _: extism.Wasi(env=5), "env: expected a mapping of texts, found a value of type int"),
    "a value in env": (
        lambda _: extism.Wasi(env={"A": 1}),
        'env["A"]: expected a str, found a value of type int',
    ),
    "clock": (
        lambda _: extism.Wasi(clock=-1),
        "clock: expected a whole number from 0 to 2**64 - 1, found -1",
    ),
    "capture_limit": (
        lambda _: extism.Wasi(capture_limit="1"),
        "capture_limit: expected a whole number from 0 to 2**64 - 1, found '1'",
    ),
    "the length of a block": (
        lambda _: extism.Memory(0, -1),
        "length: expected a whole number from 0 to 2**64 - 1, found -1",
    ),
    "forbidden": (
        lambda _: extism.Limits(forbidden=5),
        "limits: forbidden: a set of names is expected, found a value of type int",
    ),
    "the size of a batch": (
        lambda c: extism.Plugin(c).function("echo").batches([], 0.5),
        "size: expected a number of items, at least 1, found 0.5",
    ),
    "the size of a batch of a compiled function": (
        lambda c: c.function("echo").batches([], None),
        "size: expected a number of items, at least 1, found None",
    ),
    "the configuration of a compiled function": (
        lambda c: c.function("echo", config=5),
        "config: expected a mapping of texts, found a value of type int",
    ),
    "calls": (
        lambda _: extism.compare(ECHO, 5),
        "calls: expected a list of names and of pairs (name, input), found a value of type int",
    ),
    "engines": (
        lambda _: extism.compare(ECHO, ["echo"], 5),
        "engines: expected a list of engines, found a value of type int",
    ),
    "engines of a benchmark": (
        lambda _: extism.bench(ECHO, "echo", engines=5),
        "engines: expected a list of engines, found a value of type int",
    ),
    "the input of a benchmark": (
        lambda _: extism.bench(ECHO, "echo", -1),
        "expected a str, bytes or another buffer, found a value of type int",
    ),
    "seconds": (lambda _: extism.bench(ECHO, "echo", seconds="1"), "seconds is '1', allowed are numbers above 0"),
    "an executor": (
        lambda c: extism.AsyncPlugin(c, executor=5),
        "executor: expected a ThreadPoolExecutor, found a value of type int",
    ),
    "the executor of a pool": (
        lambda c: extism.AsyncPool(c, executor=5),
        "executor: expected a ThreadPoolExecutor, found a value of type int",
    ),
}


@pytest.mark.parametrize(("use", "text"), WRONG.values(), ids=WRONG)
def test_wrong_types_are_named(compiled, use, text):
    with pytest.raises(extism.ArgumentError) as raised:
        use(compiled)
    assert str(raised.value) == text


class Unspeakable:
    def __repr__(self):
        raise ZeroDivisionError

    __str__ = __repr__


# Python does not write numbers of more than 4300 digits.
UNSPEAKABLE = {"a long number": (-(10**5000), "int"), "an object": (Unspeakable(), "Unspeakable")}

# What takes a number, and what its error begins with.
NUMBERS = {
    "timeout": lambda c, number: extism.Plugin(c).call("echo", timeout=number),
    "fuel": lambda _, number: extism.Plugin(ECHO, fuel=number),
    "compile_timeout": lambda _, number: extism.Plugin(ECHO, compile_timeout=number),
    "limits": lambda _, number: extism.Plugin(ECHO, limits=extism.Limits(memory_pages=number)),
    "instances": lambda c, number: extism.Pool(c, max_instances=number),
    "descriptors": lambda _, number: extism.Wasi(max_descriptors=number),
    "size": lambda c, number: c.function("echo").batches([], number),
    "seconds": lambda _, number: extism.bench(ECHO, "echo", seconds=number),
    "forbidden": lambda _, number: extism.Limits(forbidden={number}),
}


@pytest.mark.parametrize(("value", "kind"), UNSPEAKABLE.values(), ids=UNSPEAKABLE)
@pytest.mark.parametrize("use", NUMBERS.values(), ids=NUMBERS)
def test_values_without_a_repr(compiled, use, value, kind):
    with pytest.raises(extism.ArgumentError, match=rf"\b{kind}\b"):
        use(compiled, value)


def test_long_values_are_cut(compiled):
    with pytest.raises(extism.ArgumentError) as raised:
        extism.Plugin(compiled).call("echo", timeout=10**400)
    assert str(raised.value) == f"timeout: expected a number of seconds, at least 0, found 1{'0' * 99}…"


def test_a_feature_that_is_misspelt():
    with pytest.raises(extism.ArgumentError, match="unknown feature 'simdd'; did you mean 'simd'"):
        extism.Limits(forbidden={"simdd"})


@pytest.mark.parametrize("timeout", [-1, "1", 10**400, -(10**5000)], ids=["negative", "text", "long", "longer"])
def test_the_time_to_wait_for_an_instance(compiled, timeout):
    async def lent():
        async with extism.AsyncPool(compiled).get(timeout=timeout):
            pass

    with pytest.raises(extism.ArgumentError, match="timeout: expected a number of seconds, at least 0"):
        asyncio.run(lent())


@pytest.mark.parametrize("make", [extism.AsyncPlugin, extism.AsyncPool])
@pytest.mark.parametrize("option", ["delay", "executor"])
def test_options_that_an_awaited_call_does_not_have(compiled, make, option):
    async def call():
        await make(compiled).call("echo", "x", **{option: None})

    with pytest.raises(TypeError, match=rf"^call\(\) got an unexpected keyword argument '{option}'$"):
        asyncio.run(call())
