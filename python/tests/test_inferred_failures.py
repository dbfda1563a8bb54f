"""Type-inferred host functions: what fails when a guest calls, and how."""

import json
import math
import pickle
import sys
from typing import Annotated, Any

import pytest

import extism
from extism import Json, LittleEndian, Pickle
from wat import THROUGH_HOST, function, importing


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


def through(engine, f, data=b""):
    host = extism.host_fn("host")(f)
    return extism.Plugin(THROUGH_HOST, functions=[host], engine=engine).call("run", data)


WRONG = [
    (str, b"x", TypeError, "the result is annotated str, but a value of type bytes was returned"),
    (str, None, TypeError, "the result is annotated str, but a value of type NoneType was returned"),
    (bytes, "x", TypeError, "the result is annotated bytes, but a value of type str was returned"),
    (Annotated[Any, Json], {1, 2}, TypeError, "a value of type set cannot be written as JSON"),
    (Annotated[Any, Json], math.nan, ValueError, "Out of range float values"),
    (Annotated[str, extism.Codec(str)], "x", TypeError, "a codec returned a str; it has to return bytes"),
    (Annotated[int, LittleEndian], 2**63, OverflowError, "does not fit into 64 bits, signed"),
    (Annotated[int, LittleEndian], "1", TypeError, "expected an int, found a value of type str"),
    (Annotated[bool, LittleEndian], 1, TypeError, "expected a bool, found a value of type int"),
    (int, 2**64, None, "result 0 of type i64 is 18446744073709551616, allowed are integers from -"),
    (int, -(2**63) - 1, None, "result 0 of type i64 is -9223372036854775809, allowed are"),
    (int, "5", None, "result 0 of type i64 is '5', allowed are integers"),
    (int, 1.0, None, "result 0 of type i64 is 1.0, allowed are integers"),
]


@pytest.mark.parametrize(("hint", "returned", "cause", "message"), WRONG)
def test_wrong_results_are_errors(engine, hint, returned, cause, message):
    def host(value: int) -> hint:
        return returned

    with pytest.raises(extism.HostFunctionError, match="host function `host`") as raised:
        through(engine, host)
    assert message in str(raised.value)
    assert type(raised.value.__cause__) is (cause or type(None))


def test_wrong_bool(engine):
    @extism.host_fn()
    def host(value: int) -> bool:
        return 1

    module = function("(drop (call $host (i64.const 1)))", importing("(param i64) (result i32)"))
    with pytest.raises(extism.HostFunctionError, match="annotated bool, but a value of type int"):
        extism.Plugin(module, engine=engine).call("run")


WRONG_INPUT = [
    (str, b"\xff", UnicodeDecodeError),
    (Annotated[dict, Json], b"{", json.JSONDecodeError),
    (Annotated[dict, Pickle], b"x", pickle.UnpicklingError),
    (Annotated[int, LittleEndian], b"abc", ValueError),
    (Annotated[float, LittleEndian], b"abc", ValueError),
    (Annotated[bool, LittleEndian], b"abc", ValueError),
]


@pytest.mark.parametrize(("hint", "data", "cause"), WRONG_INPUT)
def test_wrong_input_is_an_error(engine, hint, data, cause):
    def host(value: hint) -> str:
        raise AssertionError("not reached")

    with pytest.raises(extism.HostFunctionError) as raised:
        through(engine, host, data)
    assert type(raised.value.__cause__) is cause


def test_what_it_raises_is_the_cause(engine):
    def host(value: str) -> str:
        return {}[value]

    with pytest.raises(extism.HostFunctionError) as raised:
        through(engine, host, "key")
    assert type(raised.value.__cause__) is KeyError
    trace = raised.value.__cause__.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert trace.tb_frame.f_code is host.__code__
