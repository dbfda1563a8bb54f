"""The decorator that makes host functions, and the register of all that it made.

The register belongs to the process: a `Plugin` that is not given `functions` can import from all
of it, and binds what its modules import.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ._errors import ArgumentError
from ._inference import infer
from ._native import Function
from .types import ValType

__all__ = ["host_fn", "registered"]

# By namespace and name: a function that is defined again replaces the first.
_REGISTER: dict[tuple[str | None, str], Function] = {}


def registered() -> list[Function]:
    """Lists the host functions that a `Plugin` gets when it is given none.

    Returns:
        All functions that `host_fn` has made, each name of a namespace once.
    """
    return list(_REGISTER.values())


def host_fn(
    name: str | None = None,
    namespace: str | None = None,
    signature: tuple[Sequence[ValType], Sequence[ValType]] | None = None,
    user_data: Any = None,
) -> Callable[[Callable[..., Any]], Function]:
    """Makes a Python function one that plug-ins can import, and registers it.

    >>> @extism.host_fn()
    ... def greet(who: str) -> str:
    ...     return f"Hello, {who}!"

    The annotations say what guests pass and get: `str`, `bytes` and `Annotated[..., Json]` (or
    `Pickle`, or `Codec(f)`) as handles of memory, `int` as I64, `float` as F64, `bool` as I32, and
    `tuple[...]` of these as several results. No result, or `None`, is none. A first parameter
    that is annotated `CurrentPlugin` gets the plug-in that is calling.

    >>> @extism.host_fn(signature=([extism.ValType.I64], []))
    ... def hello_world(plugin, params, results):
    ...     print(plugin.input_string(params[0]))

    A signature says it in WebAssembly's types instead: then the function is called with lists of
    `Val`, and puts its results into the second.

    What the decorator returns is called as the plain Python function, or given to
    `Plugin(functions=[...])`.

    Args:
        name: The name by which plug-ins import it; that of the Python function if not given.
        namespace: The namespace that it answers imports from. If not given, it is any namespace
            that nothing else provides.
        signature: The types of the parameters and of the results, for functions that are called as
            `f(plugin, params, results, *user_data)`.
        user_data: Further arguments for the function, after all others: a list or tuple of them,
            or a single one. They need no annotations.

    Returns:
        The decorator.

    Raises:
        ArgumentError: If an annotation or a type is one that host functions cannot have, or if
            the function is async.
    """
    if callable(name):
        raise ArgumentError(
            "host_fn needs parentheses: @extism.host_fn()"
        )

    def decorate(f: Callable[..., Any]) -> Function:
        own_name = _name(f) if name is None else name
        if _is_async(f):
            raise ArgumentError(
                f"host function `{own_name}`: it is async, but guests wait for a result; make it a "
                "plain function, which may run a coroutine with asyncio.run(...)"
            )
        further = _arguments(user_data)
        if signature is None:
            # Where the decorator stands, local names in annotations may be known.
            inferred = infer(f, own_name, len(further), sys._getframe(1).f_locals)
            (params, results), enter = inferred.signature, inferred.enter
        else:
            (params, results), enter = _pair(own_name, signature), f
        function = Function(namespace, own_name, params, results, enter, *further, wrapped=f)
        functools.update_wrapper(function, f)
        _REGISTER[namespace, own_name] = function
        return function

    return decorate


def _name(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", None)
    if not isinstance(name, str):
        raise ArgumentError(f"host_fn: {f!r} has no name; give host_fn(name=...)")
    return name


def _is_async(f: Callable[..., Any]) -> bool:
    # Of an object that is called, its method may be.
    forms = (inspect.unwrap(f), getattr(f, "__call__", None))
    return any(inspect.iscoroutinefunction(g) or inspect.isasyncgenfunction(g) for g in forms)


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
