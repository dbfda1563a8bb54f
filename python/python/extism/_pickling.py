"""How host functions are pickled: by reference, as Python's own functions are.

Called from Rust, which knows what a `Function` is made of. It does not know what is pickled with
it, or why.

Invariant: what cannot be found again in another process is refused when it is pickled, not when it
is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ._errors import ArgumentError

__all__ = ["reduce_function"]


def reduce_function(
    function: Any, make: Callable[..., Any], arguments: tuple[Any, ...], f: Callable[..., Any]
) -> str | tuple[Callable[..., Any], tuple[Any, ...]]:
    """Says how to make a host function again, in the form that `__reduce__` returns.

    Args:
        function: The host function.
        make: What makes it of its arguments, if its class can do so.
        arguments: The arguments.
        f: The callable among them.

    Returns:
        The name in its module, or what to call with which arguments.

    Raises:
        ArgumentError: If another process could not find it.
    """
    name = _name(function)
    if name is not None:
        return name
    # One that was made by hand, of a callable that can be found.
    if type(function) is make and _found(f):
        return make, arguments
    raise ArgumentError(
        f"host function `{function.name}` cannot be pickled, because another process could not "
        "find it; define it at the top level of a module"
    )


def _name(function: Any) -> str | None:
    """The global name that is bound to a host function, in the module where it was defined."""
    own = vars(function)
    module = sys.modules.get(own.get("__module__") or "")
    if module is None:
        return None
    qualified = own.get("__qualname__")
    if isinstance(qualified, str) and _attribute(module, qualified) is function:
        return qualified
    return next((name for name, value in vars(module).items() if value is function), None)


def _found(f: Callable[..., Any]) -> bool:
    """Whether a callable is a global, or an object that says itself how it is pickled."""
    name = getattr(f, "__qualname__", None)
    if not isinstance(name, str):
        return True
    module = sys.modules.get(getattr(f, "__module__", None) or "")
    return "<locals>" not in name and _attribute(module, name) is not None


def _attribute(owner: Any, path: str) -> Any:
    for name in path.split("."):
        owner = getattr(owner, name, None)
    return owner
