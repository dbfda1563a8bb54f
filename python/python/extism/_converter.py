"""Converts one value of a type-inferred host function between its WebAssembly number and Python.

`converter` looks at an annotation and decides the number type of the value and the functions that read and write it.
It does not know the position of the value in a function: `Refused` has the end of a sentence, and callers add its
beginning.

Invariants: nothing is decided when a guest calls; a result of another type than the annotated one is an error and never
becomes another value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, Tuple, get_args, get_origin

from ._native import CurrentPlugin
from .codec import Codec
from .types import Val, ValType

__all__ = ["NUMBERS", "Converter", "Refused", "converter", "members", "shown", "strip"]


class Refused(Exception):
    """The annotation is not allowed. The text says why, and what to write instead."""


class Converter(NamedTuple):
    """Converts a value between a guest and Python."""

    type: ValType
    """The WebAssembly type of the value. Values in memory are `I64` handles."""

    read: Callable[[CurrentPlugin, Val], Any]
    """Reads a parameter. It raises the exceptions of the codec."""

    write: Callable[[CurrentPlugin, Val, Any], None]
    """Writes a result. It raises `TypeError` for a value of another type."""


def converter(hint: Any) -> Converter:
    """Returns the converter for an annotation.

    Args:
        hint: The annotation. Its forward references are resolved.

    Returns:
        The converter.

    Raises:
        Refused: If host functions cannot have such a value, or if the codec does not support the type.
    """
    hint, codec = strip(hint)
    if codec is not None:
        return _through(codec, hint)
    plain = _PLAIN.get(hint) if isinstance(hint, type) else None
    if plain is None:
        raise Refused(_advice(hint))
    return plain


def strip(hint: Any) -> tuple[Any, Codec | None]:
    """Removes `Annotated`, `NewType` and type aliases from an annotation.

    Args:
        hint: The annotation.

    Returns:
        The type, and the codec in the metadata or `None`.

    Raises:
        Refused: If the metadata has several codecs, or `Codec` without a function.
    """
    codecs: list[Codec] = []
    while True:
        if get_origin(hint) is Annotated:
            for metadata in hint.__metadata__:
                if isinstance(metadata, type) and issubclass(metadata, Codec):
                    metadata = _instance(metadata)
                if isinstance(metadata, Codec):
                    codecs.append(metadata)
            hint = hint.__origin__
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            break
    if len(codecs) > 1:
        raise Refused("has more than one codec; leave one in its Annotated[...]")
    return hint, codecs[0] if codecs else None


def _instance(codec: type[Codec]) -> Codec:
    if codec is Codec:
        raise Refused("names Codec without a function; write extism.Codec(f)")
    # Json and the like have all that they need.
    make: Any = codec
    made: Codec = make()
    return made


def shown(hint: Any) -> str:
    """Writes an annotation as in source code.

    Args:
        hint: The annotation.

    Returns:
        The text.
    """
    # In Python 3.10, `list[int]` is a type too.
    is_class = isinstance(hint, type) and get_origin(hint) is None and hint is not Any
    return str(hint.__qualname__) if is_class else repr(hint)


# Advice for a refused annotation.


def _advice(hint: Any) -> str:
    text = shown(hint)
    origin = get_origin(hint) or hint
    if hint is type(None) or hint is None:
        return "is None, which is no value; leave it out"
    if origin is tuple:
        example = "typing.Annotated[tuple, extism.Json]" if hint is tuple else None
        example = example or f"typing.Annotated[{text}, extism.Json]"
        return (
            f"is {text}; only a result is expanded from a tuple, and only one that lists its "
            f"members: for one value, write {example}"
        )
    if hint in (bytearray, memoryview):
        return f"is {text}; write bytes"
    codecs = "extism.Json]"
    if isinstance(origin, type) and origin.__module__ != "builtins":
        codecs += f", typing.Annotated[{text}, extism.Pickle]"
    return (
        f"is {text}, which is neither str, bytes, int, float nor bool; say how to write it as "
        f"bytes: typing.Annotated[{text}, {codecs} or typing.Annotated[{text}, extism.Codec(f)]"
    )


# Values in memory. The number is the handle of a block.


def _through(codec: Codec, hint: Any) -> Converter:
    try:
        decode, encode = codec.reader(hint), codec.writer(hint)
    except TypeError as error:
        raise Refused(f"is {shown(hint)} with a codec that cannot be used there: {error}") from error

    def read(plugin: CurrentPlugin, val: Val) -> Any:
        return decode(plugin.input_bytes(val))

    def write(plugin: CurrentPlugin, val: Val, value: Any) -> None:
        encoded = encode(value)
        if isinstance(encoded, str):
            raise TypeError("a codec returned a str; it has to return bytes")
        plugin.return_bytes(val, encoded)

    return Converter(ValType.I64, read, write)


def _write_str(plugin: CurrentPlugin, val: Val, value: Any) -> None:
    if not isinstance(value, str):
        raise _mismatch("str", value)
    plugin.return_string(val, value)


def _write_bytes(plugin: CurrentPlugin, val: Val, value: Any) -> None:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _mismatch("bytes", value)
    plugin.return_bytes(val, value)


# Values that are numbers. The host checks ranges, with the number type at hand.


def _read_number(plugin: CurrentPlugin, val: Val) -> Any:
    return val.value


def _write_number(plugin: CurrentPlugin, val: Val, value: Any) -> None:
    val.value = value


def _read_bool(plugin: CurrentPlugin, val: Val) -> bool:
    return bool(val.value != 0)


def _write_bool(plugin: CurrentPlugin, val: Val, value: Any) -> None:
    if not isinstance(value, bool):
        raise _mismatch("bool", value)
    val.value = value


def _mismatch(expected: str, value: object) -> TypeError:
    found = type(value).__qualname__
    return TypeError(f"the result is annotated {expected}, but a value of type {found} was returned")


_PLAIN: dict[type, Converter] = {
    str: Converter(ValType.I64, CurrentPlugin.input_string, _write_str),
    bytes: Converter(ValType.I64, CurrentPlugin.input_bytes, _write_bytes),
    int: Converter(ValType.I64, _read_number, _write_number),
    float: Converter(ValType.F64, _read_number, _write_number),
    bool: Converter(ValType.I32, _read_bool, _write_bool),
}


NUMBERS = (_PLAIN[int], _PLAIN[float])
"""The converters of plain numbers, which the host reads and writes by itself."""


def members(hint: Any) -> tuple[Any, ...] | None:
    """Returns the members of a tuple annotation.

    Args:
        hint: The annotation, as `strip` returns it.

    Returns:
        The members of `tuple[A, B]`, or `None` for other types, `tuple` and `tuple[A, ...]`.
    """
    if get_origin(hint) is not tuple or hint is Tuple or Ellipsis in get_args(hint):
        return None
    # Python 3.10 has an empty tuple as the only member of `Tuple[()]`.
    return tuple(member for member in get_args(hint) if member != ())
