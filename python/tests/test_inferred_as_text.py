"""Type-inferred host functions in a module whose annotations are all text."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Optional, Tuple

import pytest

import extism
from wat import THROUGH_HOST, round_trip

if TYPE_CHECKING:
    from extism import CurrentPlugin


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


def test_plugin_and_json(engine):
    @extism.host_fn()
    def host(plugin: CurrentPlugin, value: Annotated[dict, extism.Json]) -> Annotated[dict, extism.Json]:
        return {"context": plugin.host_context(), **value}

    plugin = extism.Plugin(THROUGH_HOST, engine=engine)
    assert json.loads(plugin.call("run", '{"a": 1}', host_context=5)) == {"context": 5, "a": 1}


def test_dotted_plugin_and_numbers(engine):
    @extism.host_fn()
    def host(plugin: extism.CurrentPlugin, value: int) -> Tuple[int]:
        return (value * 2,)

    plugin = extism.Plugin(round_trip("i64", "-4"), engine=engine)
    assert plugin.call("run") == (-8).to_bytes(8, "little", signed=True)


def test_local_class(engine):
    class Grumble:
        pass

    @extism.host_fn()
    def host(value: Annotated[Grumble, extism.Codec(lambda raw: Grumble())]) -> str:
        return type(value).__name__

    assert extism.Plugin(THROUGH_HOST, engine=engine).call("run") == b"Grumble"


def test_no_result():
    @extism.host_fn()
    def host() -> None: ...

    assert repr(host) == "Function(*::host (func))"


def test_refusal():
    def host(it: Optional[str]): ...

    with pytest.raises(extism.ArgumentError, match=r"host function `host`: parameter `it` is typing.Optional\[str\]"):
        extism.host_fn()(host)
