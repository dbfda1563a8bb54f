"""What type checkers see of the package. mypy and pyright check this file; it is imported by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from typing_extensions import assert_type

import extism


@extism.host_fn()
def repeat(text: str, times: int = 2) -> str:
    return text * times


@extism.host_fn(signature=([extism.ValType.I64], []))
def explicit(plugin: extism.CurrentPlugin, params: list[extism.Val], results: list[extism.Val]) -> None:
    plugin.input_string(params[0])


@extism.host_fn()
async def later(n: int) -> int:
    return n


def decorated_functions_keep_their_types() -> None:
    assert_type(repeat("a", times=3), str)
    asyncio.run(later(1)).bit_length()
    repeat(1)  # type: ignore[arg-type]
    repeat("a", often=3)  # type: ignore[call-arg]
    original: Callable[..., str] = repeat.func
    original("a")


def calls_and_functions(plugin: extism.Plugin, compiled: extism.CompiledPlugin) -> None:
    assert_type(plugin.call("f"), bytes)
    assert_type(plugin.call("f", parse=len), int)
    assert_type(plugin.function("f"), extism.PluginFunction)
    assert_type(plugin.function("f")("x"), bytes)
    assert_type(plugin.function("f", takes=str), extism.TypedFunction)
    assert_type(plugin.function("f", gives=Annotated[int, extism.Json]), extism.TypedFunction)
    assert_type(compiled.function("f"), extism.CompiledFunction)
    plugin.call("f", {"a": 1})  # type: ignore[call-overload]


def manifests() -> None:
    module: extism.WasmDict = {"path": "a.wasm", "hash": "00"}
    manifest: extism.ManifestDict = {"wasm": [module], "config": {"a": "b"}, "timeout_ms": 1000}
    extism.Plugin(manifest)
    wrong: extism.ManifestDict = {"wasm": [module], "timeout": 1}  # type: ignore[typeddict-unknown-key]
    extism.Plugin(wrong)


async def awaited(plugin: extism.AsyncPlugin) -> None:
    assert_type(await plugin.call("f"), bytes)
