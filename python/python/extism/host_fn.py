"""The decorator that makes host functions, and the register of all that it made.

The register belongs to the process: a `Plugin` that is not given `functions` can import from all
of it, and binds what its modules import.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ._errors import ArgumentError
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

    >>> @extism.host_fn(signature=([extism.ValType.I64], []))
    ... def hello_world(plugin, params, results):
    ...     print(plugin.input_string(params[0]))

    The result is called as the plain Python function, or given to `Plugin(functions=[...])`.

    Args:
        name: The name by which plug-ins import it; that of the Python function if not given.
        namespace: The namespace that it answers imports from. If not given, it is any namespace
            that nothing else provides.
        signature: The types of the parameters and of the results. The function is called as
            `f(plugin, params, results, *user_data)`, with lists of `Val`, and puts its results
            into `results`.
        user_data: Further arguments for the function: a list or tuple of them, or a single one.

    Returns:
        The decorator.

    Raises:
        ArgumentError: If the signature is missing, or has a type that host functions cannot have.
    """
    if callable(name):
        raise ArgumentError(
            "host_fn needs parentheses: @extism.host_fn(signature=([...], [...]))"
        )

    def decorate(f: Callable[..., Any]) -> Function:
        own_name = f.__name__ if name is None else name
        if signature is None:
            raise ArgumentError(
                f"host function `{own_name}`: inference of the signature from annotations is not "
                "in this version yet; give signature=([parameter types], [result types])"
            )
        if inspect.iscoroutinefunction(f):
            raise ArgumentError(f"host function `{own_name}`: it cannot be async")
        params, results = _pair(own_name, signature)
        function = Function(namespace, own_name, params, results, f, *_arguments(user_data))
        functools.update_wrapper(function, f)
        _REGISTER[namespace, own_name] = function
        return function

    return decorate


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
