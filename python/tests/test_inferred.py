"""Type-inferred host functions: what every annotation means."""

import asyncio
import dataclasses
import functools
import json
import math
import pickle
import struct
import sys
from typing import Annotated, Any, NewType, Tuple

import pytest

import extism
from extism import CurrentPlugin, Json, LittleEndian, Pickle
from wat import THROUGH_HOST, function, importing, round_trip

Renamed = CurrentPlugin
UserId = NewType("UserId", int)


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


def through(engine, f, data=b"", **options):
    """What comes out of a plug-in that gives its input to `f` and returns the result."""
    host = extism.host_fn("host", **options)(f)
    return extism.Plugin(THROUGH_HOST, functions=[host], engine=engine).call("run", data)


class Grimace:
    def __init__(self, word="grr"):
        self.word = word

    def __eq__(self, other):
        return isinstance(other, Grimace) and self.word == other.word


@dataclasses.dataclass
class Point:
    x: int
    y: "Point | None" = None


class Model:
    """What is asked of pydantic's models."""

    def __init__(self, x):
        self.x = x

    @classmethod
    def model_validate(cls, value):
        return cls(value["x"])

    def model_dump(self, mode="python"):
        assert mode == "json"
        return {"x": self.x}


class TextModel:
    def model_dump_json(self):
        return '{"text": 1}'


# Text, bytes and codecs.


def test_text_and_bytes(engine):
    def text(value: str) -> str:
        assert type(value) is str
        return value.upper()

    def raw(value: bytes) -> bytes:
        assert type(value) is bytes
        return value[::-1]

    assert through(engine, text, "h\u00e4 \U0001f389") == "H\u00c4 \U0001f389".encode()
    assert through(engine, text, "") == b""
    assert through(engine, raw, b"\0\xff") == b"\xff\0"


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_buffers_are_results_of_bytes(engine, buffer):
    def host(value: bytes) -> bytes:
        return buffer(value)

    assert through(engine, host, b"ab\0") == b"ab\0"


def test_json(engine):
    def host(value: Annotated[dict, Json]) -> Annotated[dict, extism.Json()]:
        return {"got": value["a"], "\u00e4": None}

    assert json.loads(through(engine, host, '{"a": [1, 2.5, "x"]}')) == {"got": [1, 2.5, "x"], "\u00e4": None}


JSON = [
    (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
    ([Model(1), {"deep": (Model(2),)}], [{"x": 1}, {"deep": [{"x": 2}]}]),
    (TextModel(), {"text": 1}),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), JSON)
def test_json_of_objects(engine, value, expected):
    def host(ignored: str) -> Annotated[Any, Json]:
        return value

    assert json.loads(through(engine, host)) == expected


def test_models_are_arguments(engine):
    def host(model: Annotated[Model, Json]) -> Annotated[Model, Json]:
        assert type(model) is Model
        return Model(model.x + 1)

    assert json.loads(through(engine, host, '{"x": 1}')) == {"x": 2}


def test_pickle(engine):
    def host(value: Annotated[Grimace, Pickle]) -> Annotated[Grimace, Pickle]:
        assert value == Grimace("in")
        return Grimace("out")

    assert pickle.loads(through(engine, host, pickle.dumps(Grimace("in")))) == Grimace("out")


def test_codec(engine):
    mojibake_factory = lambda out: out.encode(encoding="utf8").decode(encoding="latin1").encode()

    def host(
        value: Annotated[str, extism.Codec(lambda inp: inp.decode(encoding="shift_jis"))],
    ) -> Annotated[str, "not a codec", extism.Codec(mojibake_factory)]:
        return value + "\U0001f389"

    expected = mojibake_factory("\u3042\U0001f389")
    assert through(engine, host, "\u3042".encode("shift_jis")) == expected
    with pytest.raises(TypeError, match="Codec takes a function, found a value of type int"):
        extism.Codec(1)


# Numbers.

NUMBERS = [
    (int, "i64", "-1", -1, -2, (-2).to_bytes(8, "little", signed=True)),
    (int, "i64", "0x8000000000000000", -(2**63), 2**63 - 1, b"\xff" * 7 + b"\x7f"),
    (int, "i64", "5", 5, 2**64 - 1, b"\xff" * 8),
    (UserId, "i64", "5", 5, 6, b"\6" + bytes(7)),
    (Annotated[int, "a remark"], "i64", "5", 5, 6, b"\6" + bytes(7)),
    (float, "f64", "0.1", 0.1, -math.inf, struct.pack("<d", -math.inf)),
    (float, "f64", "2", 2.0, 3, struct.pack("<d", 3)),
    (bool, "i32", "1", True, True, b"\1" + bytes(7)),
    (bool, "i32", "2", True, False, bytes(8)),
    (bool, "i32", "0", False, True, b"\1" + bytes(7)),
]


@pytest.mark.parametrize(("hint", "ty", "constant", "seen", "given", "got"), NUMBERS)
def test_numbers_are_numbers(engine, hint, ty, constant, seen, given, got):
    log = []

    @extism.host_fn()
    def host(value: hint) -> hint:
        log.append(value)
        return given

    assert extism.Plugin(round_trip(ty, constant), engine=engine).call("run") == got
    assert log == [seen]
    assert type(log[0]) is type(seen)


LITTLE_ENDIAN = [
    (int, LittleEndian, struct.pack("<q", -5), -5, -6, struct.pack("<q", -6)),
    (int, LittleEndian(), struct.pack("<i", -5), -5, 2**63 - 1, struct.pack("<q", 2**63 - 1)),
    (int, LittleEndian(4), b"\xff", -1, -1, struct.pack("<i", -1)),
    (int, LittleEndian(signed=False), b"\xff" * 8, 2**64 - 1, 2**64 - 1, b"\xff" * 8),
    (float, LittleEndian, struct.pack("<d", 0.1), 0.1, 0.1, struct.pack("<d", 0.1)),
    (float, LittleEndian(4), struct.pack("<f", 0.5), 0.5, 1, struct.pack("<f", 1)),
    (bool, LittleEndian, b"\1", True, False, b"\0"),
    (bool, LittleEndian, b"\0", False, True, b"\1"),
]


@pytest.mark.parametrize(("hint", "codec", "data", "seen", "given", "got"), LITTLE_ENDIAN)
def test_numbers_as_handles(engine, hint, codec, data, seen, given, got):
    def host(value: Annotated[hint, codec]) -> Annotated[hint, codec]:
        assert value == seen and type(value) is type(seen)
        return given

    assert through(engine, host, data) == got


def test_sizes_of_handles():
    with pytest.raises(ValueError, match="4 or 8 bytes, not 2"):
        LittleEndian(2)


def several(hint, returned, engine, results="i64 f64 i32"):
    @extism.host_fn()
    def host() -> hint:
        return returned

    drops = "(drop)" * len(results.split())
    module = function(f"(call $host) {drops}", importing(f"(result {results})"))
    try:
        plugin = extism.Plugin(module, engine=engine)
    except extism.UnsupportedError:
        pytest.skip("this compiler has no such imports")
    return plugin.call("run")


@pytest.mark.parametrize(
    "hint", [Tuple[int, float, bool], tuple[int, float, bool], "Tuple['int', float, 'bool']"]
)
def test_tuples_are_several_results(engine, hint):
    assert several(hint, (1, 2.5, True), engine) == b""
    for wrong, found in [((1, 2.5), "tuple of 2"), (7, "int"), (None, "NoneType")]:
        with pytest.raises(extism.HostFunctionError, match=f"a tuple of 3, but a {found} was returned"):
            several(hint, wrong, engine)


def test_tuples_of_encoded_values(engine):
    several(Tuple[int, Annotated[dict, Json]], (32, {"hello": "world"}), engine, "i64 i64")


@pytest.mark.parametrize("returned", [("x",), ["x"]])
def test_tuple_of_one(engine, returned):
    def host(value: int) -> Tuple[str]:
        return returned

    assert through(engine, host) == b"x"


def test_tuple_as_one_value(engine):
    def host(value: Annotated[tuple, Json]) -> Annotated[Tuple[int, int], Json]:
        return (1, 2)

    assert through(engine, host, "[]") == b"[1, 2]"


def nothing() -> None:
    pass


def unannotated():
    pass


def empty() -> Tuple[()]:
    return ()


def text_of_none() -> "None":
    pass


@pytest.mark.parametrize("f", [nothing, unannotated, empty, text_of_none, lambda: None])
def test_no_result(engine, f):
    host = extism.host_fn("host")(f)
    module = function("(call $host)", importing(""))
    assert extism.Plugin(module, functions=[host], engine=engine).call("run") == b""


# The plug-in, user data, ways of calling.


def test_the_plugin_under_any_spelling(engine):
    def plain(plugin: CurrentPlugin, value: str) -> str:
        return plugin.host_context() + value

    def dotted(plugin: extism.CurrentPlugin, value: str) -> str:
        return plugin.host_context() + value

    def text(plugin: "CurrentPlugin", value: "str") -> "str":
        return plugin.host_context() + value

    def dotted_text(plugin: "extism.CurrentPlugin", value: str) -> str:
        return plugin.host_context() + value

    def unknown_text(plugin: "only_for_type_checkers.CurrentPlugin", value: str) -> str:  # noqa
        return plugin.host_context() + value

    def renamed(plugin: Renamed, value: str) -> str:
        return plugin.host_context() + value

    def annotated(plugin: Annotated[CurrentPlugin, 1], value: str) -> str:
        return plugin.host_context() + value

    for f in [plain, dotted, text, dotted_text, unknown_text, renamed, annotated]:
        host = extism.host_fn("host")(f)
        plugin = extism.Plugin(THROUGH_HOST, functions=[host], engine=engine)
        assert plugin.call("run", "b", host_context="a") == b"ab"


def test_user_data(engine):
    def collected(value: str, *user_data) -> str:
        return repr((value, *user_data))

    def named(value: str, first, second) -> str:
        return repr((value, first, second))

    def annotated(value: str, first: int, second: dict) -> str:
        return repr((value, first, second))

    def mixed(plugin: CurrentPlugin, value: str, first, *rest) -> str:
        return repr((value, first, *rest))

    for f in [collected, named, annotated, mixed]:
        assert through(engine, f, "v", user_data=[1, {"a": 2}]) == b"('v', 1, {'a': 2})"
    assert through(engine, collected, "v", user_data=b"x") == b"('v', b'x')"
    assert through(engine, collected, "v") == b"('v',)"


def test_decorated_function_stays_itself():
    @extism.host_fn(user_data=b"data")
    def join(a: str, b: str = "-", *rest, sep: str = "") -> str:
        """Joins."""
        return sep.join([a, b, *rest])

    assert join("a") == "a-"
    assert join("a", b="b") == "ab"
    assert join("a", "b", "c", sep=",") == "a,b,c"
    assert (join.__name__, join.__doc__, join.name, join.namespace) == ("join", "Joins.", "join", None)
    assert repr(join) == "Function(*::join (func (param i64 i64) (result i64)))"


def test_other_callables(engine):
    class Greeter:
        greeting = "hi "

        def method(self, value: "str") -> "str":
            return self.greeting + value

        def __call__(self, value: "str") -> "str":
            return self.greeting + value

    def greet(greeting, value: "str") -> "str":
        return greeting + value

    for f in [Greeter().method, Greeter(), functools.partial(greet, "hi ")]:
        assert through(engine, f, "x") == b"hi x"
    with pytest.raises(extism.ArgumentError, match="has no name"):
        extism.host_fn()(Greeter())


def test_local_names_are_known(engine):
    class Local:
        pass

    Alias = str

    @extism.host_fn()
    def host(value: "Annotated[Local, extism.Codec(lambda raw: Local())]") -> "Alias":
        return type(value).__name__

    assert extism.Plugin(THROUGH_HOST, engine=engine).call("run") == b"Local"


def test_default_of_none_changes_nothing():
    @extism.host_fn()
    def host(value: str = None) -> str:
        return value

    assert host("x") == "x"


def test_async_by_hand(engine):
    def host(value: str) -> str:
        async def work():
            return value + "!"

        return asyncio.run(work())

    assert through(engine, host, "x") == b"x!"


SCALARS = [
    (int, "i64", [0, 1, -1, 2**63 - 1, -(2**63)]),
    (float, "f64", [0.0, -1.5, 1e300, float("inf")]),
]


@pytest.mark.parametrize(("kind", "ty", "values"), SCALARS)
def test_numbers_reach_the_function_itself(engine, kind, ty, values):
    """With numbers alone, and also with user data, several parameters, or nothing returned."""
    seen = []

    def one(value):
        seen.append((value,))
        return value

    def two(first, second, *more):
        seen.append((first, second, *more))
        return second

    def none(value):
        seen.append((value,))
        return "ignored"

    one.__annotations__ = {"value": kind, "return": kind}
    two.__annotations__ = {"first": kind, "second": kind, "return": kind}
    none.__annotations__ = {"value": kind, "return": None}
    functions = [
        extism.host_fn(name="one")(one),
        extism.host_fn(name="two", user_data=["data"])(two),
        extism.host_fn(name="none")(none),
    ]
    for value in values:
        text = f"nan:0x{value}" if value != value else repr(value).replace("inf", "inf")
        guest = f"""(module
          (import "extism:host/user" "one" (func $one (param {ty}) (result {ty})))
          (import "extism:host/user" "two" (func $two (param {ty} {ty}) (result {ty})))
          (import "extism:host/user" "none" (func $none (param {ty})))
          (func (export "f") (result i32)
            (call $none (call $two (call $one ({ty}.const {text})) ({ty}.const {text})))
            (i32.const 0)))"""
        seen.clear()
        with extism.Plugin(guest, functions=functions, engine=engine) as plugin:
            plugin.call("f")
        assert seen == [(value,), (value, value, "data"), (value,)]
        assert [type(entry[0]) for entry in seen] == [kind] * 3


@pytest.mark.parametrize("returned", [2**64, -(2**63) - 1, None, "1", 1.5])
def test_a_number_that_does_not_fit(engine, returned):
    @extism.host_fn(name="host")
    def host(value: int) -> int:
        return returned

    guest = """(module (import "extism:host/user" "host" (func $host (param i64) (result i64)))
        (func (export "f") (drop (call $host (i64.const 1)))))"""
    with extism.Plugin(guest, functions=[host], engine=engine) as plugin:
        with pytest.raises(extism.HostFunctionError, match="result 0 of type i64 is"):
            plugin.call("f")
