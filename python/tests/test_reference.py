"""The type-inferred examples of the API reference, as they stand there."""

import json
import pickle
import sys
import typing

import pytest

import extism
from wat import THROUGH_HOST, function, importing


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


def through(engine, host, data):
    module = THROUGH_HOST.replace('"host"', f'"{host.name}"')
    return extism.Plugin(module, functions=[host], engine=engine).call("run", data)


class Gromble:
    ...


def test_greet(engine):
    @extism.host_fn()
    def greet(who: str) -> str:
        return "hello %s" % who

    assert through(engine, greet, "world") == b"hello world"


def test_load_of_two_results(engine):
    @extism.host_fn()
    def load(input: typing.Annotated[dict, extism.Json]) -> typing.Tuple[int, int]:
        # input will be a dictionary decoded from json input. The tuple will be returned
        # two I64 values.
        return (3, 4)

    assert repr(load) == "Function(*::load (func (param i64) (result i64 i64)))"


def test_return_many_encoded():
    # The reference writes `typing.Tuple(...)` here, which Python itself refuses.
    @extism.host_fn()
    def return_many_encoded() -> typing.Tuple[int, typing.Annotated[dict, extism.Json]]:
        # we auto-encoded any Json-annotated return values, even in a tuple
        return (32, {"hello": "world"})

    assert repr(return_many_encoded) == "Function(*::return_many_encoded (func (result i64 i64)))"


def test_pickle(engine):
    @extism.host_fn()
    def everyone_loves_a_pickle(grumble: typing.Annotated[Gromble, extism.Pickle]) -> typing.Annotated[Gromble, extism.Pickle]:
        # you can pass pickled objects in and out of host funcs
        return Gromble()

    output = through(engine, everyone_loves_a_pickle, pickle.dumps(Gromble()))
    assert isinstance(pickle.loads(output), Gromble)


class Grimace:
    ...


def test_pickle_of_a_parameter(engine):
    seen = []

    @extism.host_fn()
    def load(input: typing.Annotated[Grimace, extism.Pickle]):
        # input will be an instance of Grimace!
        seen.append(input)

    offset = '(import "extism:host/env" "input_offset" (func $offset (result i64)))'
    module = function("(call $host (call $offset))", importing("(param i64)", "load") + offset)
    extism.Plugin(module, functions=[load], engine=engine).call("run", pickle.dumps(Grimace()))
    assert [type(one) for one in seen] == [Grimace]


def test_pickle_of_a_result(engine):
    @extism.host_fn()
    def load(input: int) -> typing.Annotated[Grimace, extism.Pickle]:
        return Grimace()

    assert isinstance(pickle.loads(through(engine, load, b"")), Grimace)


def test_json_of_a_parameter(engine):
    seen = []

    @extism.host_fn()
    def load(input: typing.Annotated[dict, extism.Json]):
        # input will be a dictionary decoded from json input.
        seen.append(input.get("hello", None))

    offset = '(import "extism:host/env" "input_offset" (func $offset (result i64)))'
    module = function("(call $host (call $offset))", importing("(param i64)", "load") + offset)
    plugin = extism.Plugin(module, functions=[load], engine=engine)
    plugin.call("run", '{"hello": 3}')
    plugin.call("run", "{}")
    assert seen == [3, None]


def test_more_control(engine):
    @extism.host_fn(signature=([extism.ValType.I64], []))
    def more_control(
        current_plugin: extism.CurrentPlugin,
        params: typing.List[extism.Val],
        results: typing.List[extism.Val],
        *user_data
    ):
        # if you need more control, you can specify the wasm-level input
        # and output types explicitly.
        ...

    module = function("(call $host (i64.const 0))", importing("(param i64)", "more_control"))
    extism.Plugin(module, functions=[more_control], engine=engine).call("run")


def test_codec_of_a_parameter(engine):
    seen = []

    @extism.host_fn()
    def load(input: typing.Annotated[str, extism.Codec(lambda inp: inp.decode(encoding = 'shift_jis'))]):
        # you can accept shift-jis bytes as input!
        seen.append(input)

    offset = '(import "extism:host/env" "input_offset" (func $offset (result i64)))'
    module = function("(call $host (call $offset))", importing("(param i64)", "load") + offset)
    plugin = extism.Plugin(module, functions=[load], engine=engine)
    plugin.call("run", "\u3042".encode("shift_jis"))
    assert seen == ["\u3042"]


def test_codec_of_a_result(engine):
    mojibake_factory = lambda out: out.encode(encoding='utf8').decode(encoding='latin1').encode()

    @extism.host_fn()
    def load(input: int) -> typing.Annotated[str, extism.Codec(mojibake_factory)]:
        return "get ready for some mojibake \U0001f389"

    expected = mojibake_factory("get ready for some mojibake \U0001f389")
    assert through(engine, load, b"") == expected


def test_json(engine):
    @extism.host_fn()
    def load(input: int) -> typing.Annotated[dict, extism.Json]:
        return {
            'hello': 3
        }

    assert json.loads(through(engine, load, b"")) == {"hello": 3}
