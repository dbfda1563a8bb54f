"""Values of Python types as inputs and outputs of calls: the meaning of `takes=` and `gives=`.

The annotations are those of host functions, without numbers: a call has bytes only. It does not know the function.

Invariant: a value of another type is an error, and never becomes another value.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from typing import Any, TypeAlias

from ._converter import Refused, shown, strip
from ._errors import ArgumentError
from .codec import Codec, Json

__all__ = ["gives_type", "takes_type"]

_Writer: TypeAlias = Callable[[Any], Any]


def takes_type(hint: Any) -> _Writer:
    """Returns a function that converts an argument to the input of a call.

    Args:
        hint: The type of the argument, with a codec in `Annotated` unless it is `str` or `bytes`. `None` passes the
            argument as it is.

    Returns:
        A function from the argument to `str` or a bytes-like object. It raises `TypeError` for a value of another
        type, and the exceptions of the codec or of the validation for a value that it refuses.

    Raises:
        ArgumentError: If the type has no codec and is neither `str` nor `bytes`, or if the codec does not support it.
    """
    if hint is None:
        return _same
    hint, codec = _stripped(hint, "takes")
    if codec is None:
        return _exactly(hint)
    if isinstance(codec, Json) and (validate := _validator(hint)) is not None:
        return lambda value: codec.writer(hint)(_of_type(value, hint, validate))
    return _writer(codec, hint)


def gives_type(hint: Any) -> Callable[[bytes], Any]:
    """Returns a function that converts the output of a call to a result.

    Args:
        hint: The type of the result, with a codec in `Annotated` unless it is `str` or `bytes`. `None` means `bytes`.

    Returns:
        A function from `bytes` to the result. It raises `ValueError` for an output that is no value of the type.

    Raises:
        ArgumentError: If the type has no codec and is neither `str` nor `bytes`, or if the codec does not support it.
    """
    if hint is None or hint is bytes:
        return bytes
    hint, codec = _stripped(hint, "gives")
    if codec is None:
        return bytes if hint is bytes else _text
    if isinstance(codec, Json) and (validate := _validator(hint)) is not None:
        return lambda raw: validate(json.loads(raw))
    try:
        return codec.reader(hint)
    except TypeError as error:
        raise ArgumentError(f"gives= is {shown(hint)} with a codec that cannot be used there: {error}") from error


def _stripped(hint: Any, what: str) -> tuple[Any, Codec | None]:
    try:
        stripped, codec = strip(hint)
    except Refused as refused:
        raise ArgumentError(f"{what}= {refused}") from refused
    if codec is None and stripped not in (str, bytes):
        text = shown(stripped)
        raise ArgumentError(
            f"{what}= is {text}, which is neither str nor bytes; say how it is written as bytes: "
            f"typing.Annotated[{text}, extism.Json] or typing.Annotated[{text}, extism.Codec(f)]"
        )
    return stripped, codec


def _writer(codec: Codec, hint: Any) -> _Writer:
    try:
        return codec.writer(hint)
    except TypeError as error:
        raise ArgumentError(f"takes= is {shown(hint)} with a codec that cannot be used there: {error}") from error


def _exactly(hint: type) -> _Writer:
    allowed = (bytes, bytearray, memoryview) if hint is bytes else hint

    def write(value: Any) -> Any:
        if not isinstance(value, allowed):
            found = type(value).__qualname__
            raise TypeError(f"expected a value of type {hint.__qualname__}, found one of type {found}")
        return value

    return write


def _same(value: Any) -> Any:
    return value


def _text(raw: bytes) -> str:
    return raw.decode()


def _of_type(value: Any, hint: type, validate: Callable[[Any], Any]) -> Any:
    """Returns the value if it has the type, or else validates it."""
    return value if isinstance(value, hint) else validate(value)


def _validator(hint: Any) -> Callable[[Any], Any] | None:
    """The function that makes a model or a dataclass of parsed JSON, or `None` for other types."""
    if not isinstance(hint, type):
        return None
    validate: Callable[[Any], Any] | None = getattr(hint, "model_validate", None)
    if validate is not None:
        return validate
    return _Dataclass(hint) if dataclasses.is_dataclass(hint) else None


class _Dataclass:
    """Makes a dataclass of parsed JSON. It refuses values that do not fit the fields."""

    def __init__(self, cls: Any) -> None:
        self._cls = cls
        self._fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        self._hints = typing.get_type_hints(cls)

    def __call__(self, value: Any) -> Any:
        name = self._cls.__qualname__
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected a JSON object, found {_kind(value)}")
        unknown = sorted(value.keys() - self._fields.keys())
        if unknown:
            raise ValueError(f"{name}: unknown fields {', '.join(unknown)}, allowed are {', '.join(self._fields)}")
        missing = [
            field.name
            for field in self._fields.values()
            if field.name not in value
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise ValueError(f"{name}: missing fields {', '.join(missing)}")
        return self._cls(**{key: _field(f"{name}.{key}", self._hints[key], item) for key, item in value.items()})


def _field(where: str, hint: Any, value: Any) -> Any:
    """Converts the value of a field: makes dataclasses and lists of them, and checks plain types."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list and len(arguments) == 1 and isinstance(value, list):
        return [_field(f"{where}[{index}]", arguments[0], item) for index, item in enumerate(value)]
    if not isinstance(hint, type) or origin is not None:
        return value
    if (validate := _validator(hint)) is not None:
        return validate(value)
    # JSON has one kind of number.
    if hint is float and type(value) is int:
        return float(value)
    if hint in (str, int, float, bool, dict, list) and (
        not isinstance(value, hint) or (hint is not bool and isinstance(value, bool))
    ):
        raise ValueError(f"{where}: expected a {hint.__name__}, found {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
