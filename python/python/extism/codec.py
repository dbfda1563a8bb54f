"""Codecs: metadata for `Annotated` that converts a value to bytes and back.

A codec is a pair of functions, made once for the annotated type. It does not know where the bytes are, nor whether they
belong to a parameter or a result. `str` and `bytes` need no codec.

Invariant: a codec raises an exception for a value that it cannot write or read, and never returns another value.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["Codec", "Json", "LittleEndian", "Pickle"]


class Codec:
    """Typing metadata: a function of your own converts the value of a host function.

    >>> @extism.host_fn()
    ... def load(text: typing.Annotated[str, extism.Codec(lambda raw: raw.decode("shift_jis"))]):
    ...     ...

    Args:
        codec: For a parameter, a callable that takes the `bytes` of the guest and returns the argument. For a
            result, a callable that takes the result and returns bytes.

    Raises:
        TypeError: If it is not callable.
    """

    def __init__(self, codec: Callable[[Any], Any]) -> None:
        if not callable(codec):
            raise TypeError(f"Codec takes a function, found a value of type {_name(codec)}")
        self.codec = codec

    def __repr__(self) -> str:
        return f"extism.Codec({self.codec!r})"

    def reader(self, hint: Any) -> Callable[[bytes], Any]:
        """Returns the function that converts bytes to an argument.

        Args:
            hint: The annotated type.

        Returns:
            The function.

        Raises:
            TypeError: If the codec does not support the type.
        """
        return self.codec

    def writer(self, hint: Any) -> Callable[[Any], Any]:
        """Returns the function that converts a result to bytes.

        Args:
            hint: The annotated type.

        Returns:
            The function.

        Raises:
            TypeError: If the codec does not support the type.
        """
        return self.codec


class Json(Codec):
    """Typing metadata: the value of a host function is JSON.

    >>> @extism.host_fn()
    ... def load(input: typing.Annotated[dict, extism.Json]) -> typing.Annotated[dict, extism.Json]:
    ...     return {"hello": input.get("hello", 3)}

    A parameter is the parsed JSON: a `dict`, a `list`, and so on. If its type has a method `model_validate`, as
    pydantic models have, that method makes the argument. Results may contain dataclasses and objects with a method
    `model_dump` or `model_dump_json`. Numbers that JSON cannot express, such as NaN, are refused.
    """

    def __init__(self) -> None:
        super().__init__(_json_text)

    def __repr__(self) -> str:
        return "extism.Json()"

    def reader(self, hint: Any) -> Callable[[bytes], Any]:
        validate = getattr(hint, "model_validate", None)
        if validate is None:
            return json.loads
        return lambda raw: validate(json.loads(raw))

    def writer(self, hint: Any) -> Callable[[Any], Any]:
        return _json_text


class Pickle(Codec):
    """Typing metadata: the value of a host function is pickled.

    Unpickling can run any code. Use `Pickle` for parameters only with plug-ins that you trust like your own program.
    """

    def __init__(self) -> None:
        super().__init__(pickle.dumps)

    def __repr__(self) -> str:
        return "extism.Pickle()"

    def reader(self, hint: Any) -> Callable[[bytes], Any]:
        return pickle.loads

    def writer(self, hint: Any) -> Callable[[Any], Any]:
        return pickle.dumps


class LittleEndian(Codec):
    """Typing metadata: an `int`, `float` or `bool` is passed through memory, as little-endian bytes.

    >>> @extism.host_fn()
    ... def add(
    ...     a: typing.Annotated[int, extism.LittleEndian], b: typing.Annotated[int, extism.LittleEndian]
    ... ) -> typing.Annotated[int, extism.LittleEndian]:
    ...     return a + b

    Without it, numbers are passed as WebAssembly numbers. The Rust plug-in kit passes every argument and result of a
    typed import through memory: `#[host_fn] extern "ExtismHost" { fn add(a: i64, b: i64) -> i64; }`. Annotate each
    of them for such imports.

    Args:
        size: The number of bytes of a result: 8 for `i64` and `f64`, 4 for `i32` and `f32`. A `bool` is one byte.
            Parameters have the size that the guest wrote.
        signed: Whether integers are signed. Unsigned integers are `u64` or `u32`.

    Raises:
        ValueError: If the size is not 4 or 8.
    """

    def __init__(self, size: int = 8, *, signed: bool = True) -> None:
        if size not in (4, 8):
            raise ValueError(f"LittleEndian numbers have 4 or 8 bytes, not {size}")
        super().__init__(self._write_int)
        self._size = size
        self._signed = signed

    def __repr__(self) -> str:
        return f"extism.LittleEndian({self._size}, signed={self._signed})"

    def reader(self, hint: Any) -> Callable[[bytes], Any]:
        if hint is int:
            return self._read_int
        if hint is float:
            return _read_float
        if hint is bool:
            return _read_bool
        raise TypeError("LittleEndian annotates int, float and bool only")

    def writer(self, hint: Any) -> Callable[[Any], Any]:
        if hint is int:
            return self._write_int
        if hint is float:
            return struct.Struct("<d" if self._size == 8 else "<f").pack
        if hint is bool:
            return _write_bool
        raise TypeError("LittleEndian annotates int, float and bool only")

    def _read_int(self, raw: bytes) -> int:
        if len(raw) not in (1, 2, 4, 8):
            raise _wrong_length(raw, "an integer")
        return int.from_bytes(raw, "little", signed=self._signed)

    def _write_int(self, value: int) -> bytes:
        if not isinstance(value, int):
            raise TypeError(f"expected an int, found a value of type {_name(value)}")
        try:
            return value.to_bytes(self._size, "little", signed=self._signed)
        except OverflowError:
            kind = "signed" if self._signed else "unsigned"
            message = f"the integer does not fit into {self._size * 8} bits, {kind}"
            raise OverflowError(message) from None


def _read_float(raw: bytes) -> float:
    if len(raw) not in (4, 8):
        raise _wrong_length(raw, "a float")
    number: float = struct.unpack("<d" if len(raw) == 8 else "<f", raw)[0]
    return number


def _read_bool(raw: bytes) -> bool:
    if len(raw) != 1:
        raise _wrong_length(raw, "a bool")
    return raw != b"\0"


def _write_bool(value: bool) -> bytes:
    if not isinstance(value, bool):
        raise TypeError(f"expected a bool, found a value of type {_name(value)}")
    return b"\1" if value else b"\0"


def _wrong_length(raw: bytes, what: str) -> ValueError:
    return ValueError(f"{len(raw)} bytes are not {what}")


def _json_value(value: Any) -> Any:
    """Makes one step towards JSON, for what the encoder does not know."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "model_dump_json"):
        return json.loads(value.model_dump_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # Not `asdict`: it copies, and would not stop at models.
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"a value of type {_name(value)} cannot be written as JSON")


_ENCODER = json.JSONEncoder(default=_json_value, allow_nan=False)


def _json_text(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def _name(value: object) -> str:
    return type(value).__qualname__
