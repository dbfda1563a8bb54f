"""Type-inferred host functions: which annotations and functions are refused, and with what advice."""

import functools
import sys
import typing
from typing import Annotated, Any, List, Optional, Tuple

import pytest

import extism
from extism import CurrentPlugin, Json, LittleEndian, Pickle


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


class Grimace:
    pass


BY_JSON = "write it as bytes: typing.Annotated[{}, extism.Json"
REFUSED = [
    (Optional[str], BY_JSON.format("typing.Optional[str]")),
    (dict, BY_JSON.format("dict")),
    (list, BY_JSON.format("list")),
    (List[int], BY_JSON.format("typing.List[int]")),
    (dict[str, int], BY_JSON.format("dict[str, int]")),
    (Any, BY_JSON.format("typing.Any")),
    (object, BY_JSON.format("object")),
    (set, BY_JSON.format("set")),
    (Grimace, "typing.Annotated[Grimace, extism.Pickle] or typing.Annotated[Grimace, extism.Codec(f)]"),
    (bytearray, "is bytearray; write bytes"),
    (memoryview, "is memoryview; write bytes"),
    (typing.Union[int, str], BY_JSON.format("typing.Union[int, str]")),
    (5, "cannot be resolved|neither"),
    (Annotated[int, Json, Pickle], "has more than one codec"),
    (Annotated[int, extism.Codec], "names Codec without a function"),
    (Annotated[str, LittleEndian], "LittleEndian annotates int, float and bool only"),
    ("Nobody", "is annotated `Nobody`, which cannot be resolved"),
    ("1 +", "is annotated `1 \\+`, which cannot be resolved"),
]


def escaped(message):
    return message.replace("[", r"\[").replace("]", r"\]").replace("(", r"\(").replace(")", r"\)")


@pytest.mark.parametrize(("hint", "message"), REFUSED)
def test_refused_annotations(hint, message):
    def parameter(a: str, it: hint): ...

    def result() -> hint: ...

    cases = [(parameter, "parameter `it`"), (result, "the result")]
    if not isinstance(hint, (str, int)):

        def member() -> Tuple[int, hint]: ...

        cases.append((member, "result 1"))
    for f, what in cases:
        with pytest.raises(extism.ArgumentError, match=escaped(message)) as raised:
            extism.host_fn()(f)
        assert str(raised.value).startswith(f"host function `{f.__name__}`: {what} ")
    assert sys.modules["extism.host_fn"].registered() == []


def test_optional_in_the_new_spelling():
    def f(it: "str | None"): ...

    with pytest.raises(extism.ArgumentError, match="Annotated.*Json"):
        extism.host_fn()(f)


def unannotated_parameter(a: str, b): ...
def plugin_second(a: str, plugin: CurrentPlugin): ...
def plugin_twice(plugin: CurrentPlugin, again: CurrentPlugin): ...
def keyword_only(*, a: str): ...
def none(a: None): ...
def a_tuple(a: Tuple[int, int]): ...
def bare_tuple() -> tuple: ...
def bare_typing_tuple() -> Tuple: ...
def any_number() -> Tuple[int, ...]: ...
def nested() -> Tuple[int, Tuple[int, int]]: ...


REFUSED_FUNCTIONS = [
    (unannotated_parameter, "parameter `b` has no annotation; write str, bytes, int, float, bool or"),
    (plugin_second, "parameter `plugin` is a CurrentPlugin; make it the first parameter"),
    (plugin_twice, "parameter `again` is a CurrentPlugin; make it the first parameter"),
    (keyword_only, "parameter `a` is keyword-only"),
    (none, "parameter `a` is None, which is no value; leave it out"),
    (a_tuple, "parameter `a` is typing.Tuple[int, int]; only a result is expanded"),
    (bare_tuple, "the result is tuple; only a result is expanded from a tuple, and only one that lists"),
    (bare_typing_tuple, "the result is typing.Tuple; only a result is expanded"),
    (any_number, "the result is typing.Tuple[int, ...]; only a result is expanded"),
    (nested, "result 1 is typing.Tuple[int, int]; only"),
]


@pytest.mark.parametrize(("f", "message"), REFUSED_FUNCTIONS)
def test_refused_functions(f, message):
    with pytest.raises(extism.ArgumentError) as raised:
        extism.host_fn()(f)
    assert str(raised.value).startswith(f"host function `{f.__name__}`: {message}")


def test_too_much_user_data_is_refused():
    with pytest.raises(extism.ArgumentError, match=r"user_data has more values \(2\)"):
        extism.host_fn(user_data=[1, 2])(lambda a: None)


def test_async_generators_are_refused():
    async def generator(a: str):
        yield

    class Called:
        async def __call__(self, a: str):
            yield

    for f in [generator, Called(), functools.partial(generator)]:
        with pytest.raises(extism.ArgumentError, match=r"host function `f`: it is an async generator"):
            extism.host_fn("f")(f)
