"""The decorator that makes host functions, and the register of all that it made.

The register belongs to the process: a `Plugin` that is not given `functions` can import from all
of it, and binds what its modules import.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from ._errors import ArgumentError
from ._inference import infer
from ._native import Function
from .types import ValType

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "HOST_FN_REGISTRY",
    "ExplicitFunction",
    "TypeInferredFunction",
    "host_fn",
    "registered",
]

HOST_FN_REGISTRY: list[Function] = []
"""The live list of all functions that `host_fn` has made. Each name of a namespace occurs once.

A function that you remove from it is no longer registered. `functions=` also accepts a slice or another list of its
functions.
"""

_LOCK = threading.Lock()


_P = ParamSpec("_P")
_R = TypeVar("_R")


class ExplicitFunction(Function, Generic[_P, _R]):
    """A host function with an explicit signature. `host_fn(signature=...)` makes it.

    Calling it calls `func` as a plain Python function.

    Args:
        namespace: The namespace of the import, or `None` for any.
        name: The name of the import.
        args: The types of the parameters.
        returns: The types of the results.
        func: The function. Plug-ins call it as `func(plugin, params, results, *user_data)`.
        user_data: Further arguments for `func`.

    Raises:
        ArgumentError: If a type is not one of I32, I64, F32 and F64.
    """

    func: Callable[_P, _R]
    """The Python function."""

    _numbers: bool

    if TYPE_CHECKING:

        def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...

    def __new__(
        cls,
        namespace: str | None,
        name: str,
        args: Sequence[ValType],
        returns: Sequence[ValType],
        func: Callable[_P, _R],
        user_data: Sequence[Any] = (),
    ) -> Self:
        if _is_async(func):
            enter = _awaiting(func)
            self = super().__new__(cls, namespace, name, args, returns, enter, *user_data, wrapped=func)
        else:
            self = super().__new__(cls, namespace, name, args, returns, func, *user_data)
        return _wrap(self, func)


class TypeInferredFunction(ExplicitFunction[_P, _R]):
    """A host function whose signature is inferred from its annotations. `host_fn()` makes it.

    Calling it calls `func` as a plain Python function.

    Args:
        namespace: The namespace of the import, or `None` for any.
        name: The name of the import.
        func: The annotated function.
        user_data: Further arguments for `func`.

    Raises:
        ArgumentError: If an annotation is not supported.
    """

    def __new__(
        cls,
        namespace: str | None,
        name: str,
        func: Callable[_P, _R],
        user_data: Sequence[Any] = (),
    ) -> Self:
        return cls._infer(namespace, name, func, user_data, sys._getframe(1).f_locals)

    @classmethod
    def _infer(
        cls,
        namespace: str | None,
        name: str,
        func: Callable[_P, _R],
        user_data: Sequence[Any],
        scope: Mapping[str, Any],
    ) -> Self:
        is_async = _is_async(func)
        inferred = infer(_awaiting(func) if is_async else func, name, len(user_data), scope)
        numbers = inferred.numbers and not is_async
        (params, results), enter = inferred.signature, inferred.enter
        self = Function.__new__(
            cls,
            namespace,
            name,
            params,
            results,
            enter,
            *user_data,
            wrapped=func,
            numbers=numbers,
        )
        self._numbers = numbers
        return _wrap(self, func)


_F = TypeVar("_F", bound=ExplicitFunction[..., Any])


def _wrap(function: _F, func: Callable[..., Any]) -> _F:
    functools.update_wrapper(function, func)
    function.func = func
    return function


def _register(function: Function) -> None:
    """Puts a function into the register; one that is defined again replaces the first."""
    key = (function.namespace, function.name)
    with _LOCK:
        for index, known in enumerate(HOST_FN_REGISTRY):
            if (known.namespace, known.name) == key:
                del HOST_FN_REGISTRY[index]
                break
        HOST_FN_REGISTRY.append(function)


def registered() -> list[Function]:
    """Lists the registered host functions, which are the default of `functions=`.

    Returns:
        A new list.
    """
    return list(HOST_FN_REGISTRY)


def host_fn(
    name: str | None = None,
    namespace: str | None = None,
    signature: tuple[Sequence[ValType], Sequence[ValType]] | None = None,
    user_data: Any = None,
) -> Callable[[Callable[_P, _R]], ExplicitFunction[_P, _R]]:
    """Decorates a Python function that plug-ins can import, and registers it.

    >>> @extism.host_fn()
    ... def greet(who: str) -> str:
    ...     return f"Hello, {who}!"

    Without `signature=`, the types are inferred from the annotations. `str`, `bytes` and `Annotated[..., Json]` (or
    `Pickle`, or `Codec(f)`) are passed as handles of memory, `int` as I64, `float` as F64 and `bool` as I32. A
    `tuple[...]` of these is several results. No annotation of the result, or `None`, means no result. A first
    parameter with the annotation `CurrentPlugin` gets the calling plug-in.

    >>> @extism.host_fn(signature=([extism.ValType.I64], []))
    ... def hello_world(plugin, params, results):
    ...     print(plugin.input_string(params[0]))

    With `signature=`, the function gets two lists of `Val`, for parameters and results. It sets the values of the
    second list.

    You can call the decorated function as a plain Python function, or pass it to `Plugin(functions=[...])`.

    Args:
        name: The name of the import. The default is the name of the Python function.
        namespace: The namespace of the import. By default the function serves every namespace that nothing else
            provides.
        signature: The types of the parameters and of the results, for a function that is called as
            `f(plugin, params, results, *user_data)`.
        user_data: Further arguments, which come last: a list or tuple of them, or a single one. They need no
            annotations.

    Returns:
        The decorator.

    An `async` function is awaited in the event loop of the caller, if that is `AsyncPlugin.call` or
    `Plugin.call_async`, or else in a loop of its own. The guest waits for it, within its deadline.

    Raises:
        ArgumentError: If an annotation or a type is one that host functions cannot have, or if
            the function is an async generator.
    """
    if callable(name):
        raise ArgumentError(
            "host_fn needs parentheses: @extism.host_fn()"
        )

    def decorate(f: Callable[_P, _R]) -> ExplicitFunction[_P, _R]:
        own_name = _name(f) if name is None else name
        if _is_generator(f):
            raise ArgumentError(
                f"host function `{own_name}`: it is an async generator, but guests wait for one result; make it a "
                "function that returns it"
            )
        further = _arguments(user_data)
        if signature is None:
            # Where the decorator stands, local names in annotations may be known.
            scope = sys._getframe(1).f_locals
            function: ExplicitFunction[_P, _R]
            function = TypeInferredFunction._infer(namespace, own_name, f, further, scope)
        else:
            params, results = _pair(own_name, signature)
            function = ExplicitFunction(namespace, own_name, params, results, f, further)
        _register(function)
        return function

    return decorate


def _name(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", None)
    if not isinstance(name, str):
        raise ArgumentError(f"host_fn: {f!r} has no name; give host_fn(name=...)")
    return name


def _forms(f: Callable[..., Any]) -> tuple[Any, Any]:
    # Of an object that is called, its method may be async.
    return inspect.unwrap(f), getattr(f, "__call__", None)


def _awaiting(f: Callable[..., Any]) -> Callable[..., Any]:
    # Programs without async functions need not wait for asyncio.
    from ._async import awaiting

    return awaiting(f)


def _is_async(f: Callable[..., Any]) -> bool:
    return any(inspect.iscoroutinefunction(form) for form in _forms(f))


def _is_generator(f: Callable[..., Any]) -> bool:
    return any(inspect.isasyncgenfunction(form) for form in _forms(f))


def _pair(
    name: str, signature: tuple[Sequence[ValType], Sequence[ValType]]
) -> tuple[Sequence[ValType], Sequence[ValType]]:
    try:
        params, results = signature
    except (TypeError, ValueError):
        raise ArgumentError(
            f"host function `{name}`: a signature is a pair of lists, "
            "([parameter types], [result types])"
        ) from None
    return params, results


def _arguments(user_data: Any) -> tuple[Any, ...]:
    if user_data is None:
        return ()
    if isinstance(user_data, list | tuple):
        return tuple(user_data)
    return (user_data,)
