"""Type-inferred host functions: from the annotations of a function to what guests can call.

`infer` reads annotations, finds the converter of each, and makes a function of the explicit form
`f(plugin, params, results, *user_data)` around the annotated one. What crosses how is decided in
`_converter`; registers and namespaces are the decorator's.

Invariant: every mistake in annotations is an `ArgumentError` at decoration that names the function
and the parameter; when a guest calls, only lists of ready converters are walked.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ._converter import NUMBERS, Converter, Refused, converter, members, shown, strip
from ._errors import ArgumentError
from ._native import CurrentPlugin
from .types import Val, ValType

__all__ = ["Inferred", "infer"]

_Parameters = list[inspect.Parameter]


class Inferred(NamedTuple):
    """A host function whose signature is known."""

    signature: tuple[Sequence[ValType], Sequence[ValType]]
    enter: Callable[..., None]
    """It is called as `enter(plugin, params, results, *user_data)`."""
    numbers: bool
    """Whether the annotated function itself may be called, with numbers for a number or nothing."""


def infer(
    f: Callable[..., Any], name: str, user_data: int, scope: Mapping[str, Any]
) -> Inferred:
    """Infers the signature of a host function from its annotations.

    Args:
        f: The function.
        name: Its name, for messages.
        user_data: How many further arguments it gets.
        scope: The local names where it is defined.

    Returns:
        The signature, and the function in its explicit form.

    Raises:
        ArgumentError: If guests cannot call it.
    """
    annotations = _Annotations(f, name, scope)
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError) as error:
        raise annotations.refused(f"it has no annotations to read; give signature= ({error})") from error
    parameters = list(signature.parameters.values())
    own = _without_user_data(parameters, user_data, annotations)
    takes_plugin = bool(own) and annotations.of(own[0]) is CurrentPlugin
    params = [annotations.parameter(parameter) for parameter in own[takes_plugin:]]
    results, single = annotations.results(signature.return_annotation)
    crossing = [*params, *results]
    numbers = all(value in NUMBERS for value in crossing) and single is bool(results)
    return Inferred(
        ([param.type for param in params], [result.type for result in results]),
        _enter(f, takes_plugin, params, results, single),
        numbers and not takes_plugin,
    )


def _without_user_data(
    parameters: _Parameters, user_data: int, annotations: _Annotations
) -> _Parameters:
    """The parameters that guests pass, and the one for the plug-in."""
    own = []
    collects = False
    for parameter in parameters:
        match parameter.kind:
            case inspect.Parameter.VAR_POSITIONAL:
                collects = True
            case inspect.Parameter.KEYWORD_ONLY if parameter.default is inspect.Parameter.empty:
                raise annotations.refused(
                    f"parameter `{parameter.name}` is keyword-only, but arguments come by "
                    "position; move it before the `*`, or give it a default"
                )
            case inspect.Parameter.KEYWORD_ONLY | inspect.Parameter.VAR_KEYWORD:
                pass
            case _:
                own.append(parameter)
    if user_data > len(own) and not collects:
        raise annotations.refused(
            f"user_data has more values ({user_data}) than it has parameters; add `*user_data`"
        )
    if not collects:
        return own[: len(own) - user_data]
    # The first few may have names of their own, which nothing but a missing annotation tells.
    while user_data and own and own[-1].annotation is inspect.Parameter.empty:
        own.pop()
        user_data -= 1
    return own


class _Annotations:
    """The annotations of one function, resolved."""

    def __init__(self, f: Callable[..., Any], name: str, scope: Mapping[str, Any]) -> None:
        function = inspect.unwrap(f)
        # Of a partial, its function; of an object that is called, its method.
        while hasattr(function, "func"):
            function = inspect.unwrap(function.func)
        if not hasattr(function, "__globals__"):
            function = getattr(function, "__call__", function)
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        self._globals: dict[str, Any] = getattr(function, "__globals__", vars(module) if module else {})
        self._scope = scope
        self._name = name

    def refused(self, why: str) -> ArgumentError:
        return ArgumentError(f"host function `{self._name}`: {why}")

    def of(self, parameter: inspect.Parameter) -> Any:
        """The annotation of a parameter: `CurrentPlugin` under any name, or as it is."""
        hint = parameter.annotation
        try:
            hint = self._resolved(hint)
            return CurrentPlugin if strip(hint)[0] is CurrentPlugin else hint
        except Refused:
            return hint
        except NameError:
            # It may have been imported for type checkers only.
            if isinstance(hint, str) and hint.strip("'\"").rpartition(".")[2] == "CurrentPlugin":
                return CurrentPlugin
            raise self._unresolved(f"parameter `{parameter.name}`", hint) from None
        except Exception as error:
            raise self._unresolved(f"parameter `{parameter.name}`", hint, error) from error

    def parameter(self, parameter: inspect.Parameter) -> Converter:
        """The converter of a parameter."""
        what = f"parameter `{parameter.name}`"
        if parameter.annotation is inspect.Parameter.empty:
            raise self.refused(
                f"{what} has no annotation; write str, bytes, int, float, bool or "
                "typing.Annotated[..., extism.Json], or give signature="
            )
        hint = self.of(parameter)
        if hint is CurrentPlugin:
            raise self.refused(f"{what} is a CurrentPlugin; make it the first parameter")
        return self._converter(what, hint)

    def results(self, hint: Any) -> tuple[list[Converter], bool]:
        """The converters of the results, and whether the function returns one that is no tuple."""
        if hint is inspect.Signature.empty or hint is None:
            return [], False
        try:
            hint = self._resolved(hint)
        except Exception as error:
            raise self._unresolved("the result", hint, error) from error
        if hint is type(None):
            return [], False
        try:
            stripped, codec = strip(hint)
        except Refused as refused:
            raise self.refused(f"the result {refused}") from refused
        listed = members(stripped) if codec is None else None
        if listed is None:
            return [self._converter("the result", hint)], True
        return [
            self._converter(f"result {index}", member) for index, member in enumerate(listed)
        ], False

    def _converter(self, what: str, hint: Any) -> Converter:
        try:
            return converter(hint)
        except Refused as refused:
            raise self.refused(f"{what} {refused}") from refused

    def _resolved(self, hint: Any) -> Any:
        """The annotation without text in it, however deep it is."""

        def holder() -> None: ...

        # Alone on a function without defaults, where `None` as a default does not change it.
        holder.__annotations__ = {"hint": hint}
        try:
            hints = typing.get_type_hints(holder, self._globals, include_extras=True)
        except NameError:
            # Locals come second: the decorator may run anywhere. They are made global for the
            # sake of functions in the annotation, which see no others.
            names = {**self._globals, **self._scope}
            hints = typing.get_type_hints(holder, names, include_extras=True)
        return hints["hint"]

    def _unresolved(
        self, what: str, hint: Any, error: Exception | None = None
    ) -> ArgumentError:
        text = hint if isinstance(hint, str) else shown(hint)
        why = f": {error}" if error is not None else "; import its names before the function"
        return self.refused(f"{what} is annotated `{text}`, which cannot be resolved{why}")


def _enter(
    f: Callable[..., Any],
    takes_plugin: bool,
    params: list[Converter],
    results: list[Converter],
    single: bool,
) -> Callable[..., None]:
    """The explicit form of `f`."""
    readers = [param.read for param in params]
    writers = [result.write for result in results]

    def call(plugin: CurrentPlugin, vals: list[Val], user_data: tuple[Any, ...]) -> Any:
        args = [read(plugin, val) for read, val in zip(readers, vals, strict=True)]
        if takes_plugin:
            return f(plugin, *args, *user_data)
        return f(*args, *user_data)

    def enter_single(
        plugin: CurrentPlugin, vals: list[Val], outputs: list[Val], *user_data: Any
    ) -> None:
        writers[0](plugin, outputs[0], call(plugin, vals, user_data))

    def enter_several(
        plugin: CurrentPlugin, vals: list[Val], outputs: list[Val], *user_data: Any
    ) -> None:
        returned = call(plugin, vals, user_data)
        if not writers:
            return
        if not isinstance(returned, tuple | list) or len(returned) != len(writers):
            found = type(returned).__qualname__
            if isinstance(returned, tuple | list):
                found += f" of {len(returned)}"
            raise TypeError(
                f"the result is annotated a tuple of {len(writers)}, but a {found} was returned"
            )
        for write, output, value in zip(writers, outputs, returned, strict=True):
            write(plugin, output, value)

    return enter_single if single else enter_several
