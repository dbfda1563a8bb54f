"""How host functions are pickled: by reference, as Python's own functions are, or by value.

Called from Rust, which knows what a `Function` is made of. It does not know what is pickled with it, or why.

By reference goes what other processes can import. What they cannot, because it is local, in `__main__` or in a
module that `cloudpickle` was told to pickle by value, goes by value, if the package `cloudpickle` is there.

Invariant: what cannot be found again in another process is refused when it is pickled, not when it
is loaded.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ._errors import ArgumentError
from ._native import Function

__all__ = ["pickled", "reduce_function"]

_PICKLERS = ("cloudpickle", "ray.cloudpickle", "pyspark.cloudpickle")
"""Where the package is, of its own or as a part of another one. The first is imported if it can be, the others are
taken if they are in use."""


class _Mode(threading.local):
    by_value = False
    """Whether this thread is pickling host functions by value."""
    asking = False
    """Whether this thread only asks how one would be pickled."""


_MODE = _Mode()


def reduce_function(
    function: Any, make: Callable[..., Any], arguments: tuple[Any, ...], f: Callable[..., Any]
) -> str | tuple[Any, ...]:
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
    if not _travels(function, make, f):
        if _MODE.asking:
            return _load, ()
        if _MODE.by_value:
            return _value(function, make, arguments)
        return _load, (_dumps([function]), 0)
    name = _name(function)
    return (make, arguments) if name is None else name


class _Functions(list[Any]):
    """Host functions that are pickled together, so that they go on sharing what they share."""

    def __reduce__(self) -> tuple[Any, ...]:
        functions = list(self)
        if all(_is_by_reference(function) for function in functions):
            return list, (functions,)
        return _load, (_dumps(functions), None)


def pickled(functions: Sequence[Any]) -> list[Any]:
    """Has the host functions of one plug-in pickled together.

    Args:
        functions: The host functions.

    Returns:
        A list of them that knows how it is pickled; it is loaded as a plain list.
    """
    return _Functions(functions)


def _is_by_reference(function: Any) -> bool:
    _MODE.asking = True
    try:
        reduced = function.__reduce__()
    finally:
        _MODE.asking = False
    return isinstance(reduced, str) or reduced[0] is not _load


def _travels(function: Any, make: Callable[..., Any], f: Callable[..., Any]) -> bool:
    """Whether another process finds a host function by a name."""
    if _name(function) is not None:
        return _is_importable(vars(function).get("__module__") or _module_of(function))
    # One that was made by hand, of a callable that can be found.
    return type(function) is make and _found(f)


def _is_importable(module: str | None) -> bool:
    """Whether what is in a module should be looked for there by another process."""
    if module == "__main__":
        main = sys.modules.get("__main__")
        is_program = getattr(main, "__file__", None) is not None
        # `multiprocessing` runs the program again where it loads the pickle; nobody else does.
        return is_program and _cloudpickle() is None
    cloudpickle = _cloudpickle()
    registry = getattr(cloudpickle, "list_registry_pickle_by_value", None)
    return registry is None or module not in registry()


def _value(function: Any, make: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A host function by value, for a pickler that can do so with the Python functions in it."""
    own = vars(function)
    func = own.get("func")
    if func is None:
        return make, arguments
    # What its annotations say was found where it was defined; their names need not be known where it is loaded.
    return _make, (type(function), arguments, func, own.get("_numbers", False))


def _make(cls: Any, arguments: tuple[Any, ...], func: Callable[..., Any], numbers: bool) -> Any:
    from .host_fn import _wrap

    wrapped = None if arguments[4] is func else func
    function = Function.__new__(cls, *arguments, wrapped=wrapped, numbers=numbers)
    if numbers:
        function._numbers = True
    return _wrap(function, func)


def _dumps(functions: list[Any]) -> bytes:
    cloudpickle = _cloudpickle()
    names = ", ".join(f"`{function.name}`" for function in functions if not _is_by_reference(function))
    if cloudpickle is None:
        raise ArgumentError(
            f"host function {names} cannot be pickled, because another process could not find it; define it at the "
            "top level of a module that is imported there too, or install the package cloudpickle, which pickles it "
            "by value"
        )
    before, _MODE.by_value = _MODE.by_value, True
    try:
        data: bytes = cloudpickle.dumps(functions)
    except ArgumentError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"host function {names} cannot be pickled by value, because of what it uses ({error}); make that inside "
            "of the function, or define it at the top level of a module that is imported there too"
        ) from error
    finally:
        _MODE.by_value = before
    return data


def _load(data: bytes, position: int | None) -> Any:
    functions = pickle.loads(data)
    return functions if position is None else functions[position]


def _cloudpickle() -> Any:
    try:
        return importlib.import_module(_PICKLERS[0])
    except ImportError:
        return next((sys.modules[name] for name in _PICKLERS if name in sys.modules), None)


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
    module = getattr(f, "__module__", None)
    if not _is_importable(module):
        return False
    found = sys.modules.get(module or "")
    return "<locals>" not in name and _attribute(found, name) is not None


def _module_of(function: Any) -> str | None:
    module = getattr(function, "__module__", None)
    return module if isinstance(module, str) else None


def _attribute(owner: Any, path: str) -> Any:
    for name in path.split("."):
        owner = getattr(owner, name, None)
    return owner
