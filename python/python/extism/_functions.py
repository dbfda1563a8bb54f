"""Functions of plug-ins as objects: typed functions, and functions that can be pickled.

`PluginFunction` belongs to one live plug-in and is made in Rust. `CompiledFunction` makes its instances where it is
called. It does not know the library that calls it.

Invariants: an instance is used by one thread of one process only; two pickles of one function share their compiled
plug-in where they are loaded in the same process, so a further task compiles nothing.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakValueDictionary

from ._errors import ArgumentError, Error
from ._native import CompiledPlugin, Plugin, PluginFunction, shown
from ._typed import gives_type, takes_type

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["CompiledFunction", "TypedFunction"]

_KEPT = 16
"""The number of compiled plug-ins from pickles that are kept for the next task."""


def at_item(error: BaseException, position: int) -> None:
    """Marks a failure with the position of its item.

    Args:
        error: The failure.
        position: The position of the item, from 0.
    """
    if isinstance(error, Error) and error.item is None:
        error.item = position
        # `add_note` came with Python 3.11.
        setattr(error, "__notes__", [*getattr(error, "__notes__", ()), f"item {position}, from 0"])


def mapped(function: Callable[..., Any], items: Iterable[Any], **options: Any) -> Iterator[Any]:
    """Calls a function for each item, lazily.

    Args:
        function: The function.
        items: The inputs.
        **options: Keyword arguments of each call.

    Returns:
        An iterator of the results, in order.

    Raises:
        Error: If a call fails. Its attribute `item` is the position of the item.
    """
    for position, item in enumerate(items):
        try:
            result = function(item, **options)
        except Error as error:
            at_item(error, position)
            raise
        yield result


def batches(function: Any, items: Iterable[Any], size: int = 1000, **options: Any) -> Iterator[list[Any]]:
    """Calls a function for each item, in batches.

    Args:
        function: An object with a method `batch`.
        items: The inputs.
        size: The number of items of a batch.
        **options: Keyword arguments of `batch`.

    Returns:
        An iterator of lists of results. Each list has `size` results, the last one may have fewer.

    Raises:
        ArgumentError: If `size` is not a number of at least 1.
    """
    if not isinstance(size, int) or size < 1:
        raise ArgumentError(f"size: expected a number of items, at least 1, found {shown(size)}")
    rest = iter(items)

    def lists() -> Iterator[list[Any]]:
        done = 0
        while some := list(islice(rest, size)):
            try:
                results: list[Any] = function.batch(some, **options)
            except Error as error:
                if error.item is not None and done:
                    position, error.item = error.item + done, None
                    setattr(error, "__notes__", getattr(error, "__notes__", [])[:-1])
                    at_item(error, position)
                raise
            done += len(some)
            yield results

    return lists()


class TypedFunction:
    """A function of a plug-in that takes and returns values of Python types.

    `Plugin.function` and `CompiledPlugin.function` make it, with `takes=` or `gives=`.

    >>> area = plugin.function("area", takes=Annotated[Shape, extism.Json], gives=Annotated[float, extism.Json])
    >>> area(Shape(width=2, height=3))

    Types have the same meaning as in annotations of host functions. `Json` validates pydantic models and dataclasses
    in both directions.

    Args:
        function: The function over bytes.
        takes: The type of the argument. The default is the input of the function.
        gives: The type of the result. The default is `bytes`.

    Raises:
        ArgumentError: If no codec is known for a type.
    """

    def __init__(self, function: Callable[..., Any], takes: Any = None, gives: Any = None) -> None:
        self.function = function
        self.takes = takes
        self.gives = gives
        self._write = takes_type(takes)
        self._read = gives_type(gives)
        self.__name__ = str(getattr(function, "__name__", "function"))

    def __call__(self, data: Any = b"", **options: Any) -> Any:
        """Calls the function.

        Args:
            data: The argument.
            **options: `host_context`, `timeout` and `fuel`, as for `Plugin.call`.

        Returns:
            The result.

        Raises:
            TypeError: If the argument has the wrong type.
            ValueError: If the output cannot be converted to the type of the result.
            Error: As for `Plugin.call`.
        """
        return self.function(self._write(data), parse=self._read, **options)

    def batch(self, items: Iterable[Any], **options: Any) -> list[Any]:
        """Calls the function once for each item, in order.

        Args:
            items: The arguments.
            **options: `timeout` and `fuel`, as for `Plugin.call`.

        Returns:
            The results.

        Raises:
            Error: If a call fails. Its attribute `item` is the position of the item.
        """
        # `batch` of any function.
        function: Any = self.function
        results: list[Any] = function.batch(map(self._write, items), parse=self._read, **options)
        return results

    def map(self, items: Iterable[Any], **options: Any) -> Iterator[Any]:
        """Calls the function once for each item, lazily.

        Args:
            items: The arguments.
            **options: As for a call.

        Returns:
            The results, in order.
        """
        return mapped(self, items, **options)

    def batches(self, items: Iterable[Any], size: int = 1000, **options: Any) -> Iterator[list[Any]]:
        """Calls the function once for each item, in batches.

        Args:
            items: The arguments.
            size: The number of items of a batch.
            **options: As for `batch`.

        Returns:
            An iterator of lists of results. Each list has `size` results, the last one may have fewer.
        """
        return batches(self, items, size, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return TypedFunction, (self.function, self.takes, self.gives)

    def __repr__(self) -> str:
        return f"<extism.TypedFunction of {self.function!r}>"


class _Instances(threading.local):
    """The instance of a thread."""

    function: PluginFunction | None = None


class _Home:
    """A compiled plug-in, and the instances of its functions that threads of this process have."""

    def __init__(self, compiled: CompiledPlugin) -> None:
        self.compiled = compiled
        self._instances: dict[Any, _Instances] = {}
        self._process = _LOADED.process

    def instances(self, key: Any) -> _Instances:
        """The instances for the functions that are alike."""
        if self._process is not _LOADED.process:
            # A child begins with its own, in their first state.
            self._instances, self._process = {}, _LOADED.process
        return self._instances.setdefault(key, _Instances())


class _Loaded:
    """The compiled plug-ins that came from pickles, by the hash of those."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.process = object()
        """An object that differs in every process."""
        self._lock = threading.Lock()
        self._homes: WeakValueDictionary[str, _Home] = WeakValueDictionary()
        self._kept: OrderedDict[str, _Home] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}

    def home(self, token: str, make: Callable[[], CompiledPlugin]) -> _Home:
        """The compiled plug-in of a pickle, made once."""
        with self._lock:
            making = self._making.setdefault(token, threading.Lock())
        with making:
            with self._lock:
                home = self._homes.get(token)
            if home is None:
                home = _Home(make())
            with self._lock:
                self._homes[token] = self._kept[token] = home
                self._kept.move_to_end(token)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
                self._making.pop(token, None)
        return home


_LOADED = _Loaded()

if hasattr(os, "register_at_fork"):
    # Another thread may have had its lock.
    os.register_at_fork(after_in_child=_LOADED.forget)


class _Options(NamedTuple):
    """The options of a function. Functions with equal options share instances."""

    name: str
    fresh: bool
    timeout: float | None
    fuel: float | None
    config: tuple[tuple[str, str | None], ...]


class CompiledFunction:
    """A function of a compiled plug-in that makes its instances where it is called. `CompiledPlugin.function` makes it.

    You can pickle it, so it works with `multiprocessing.Pool.map`, `concurrent.futures`, `dask.distributed.Client.map`,
    Ray, Spark, polars and DuckDB. Each thread of each process gets an instance of its own at its first call.

    By default a thread keeps its instance and the state of the guest, which the next call sees. With `fresh=True`
    each call has a new instance.

    Args:
        compiled: The compiled plug-in.
        name: The name of the exported function.
        takes: The type of the argument, as for `Plugin.function`.
        gives: The type of the result, as for `Plugin.function`.
        fresh: Whether each call has a new instance.
        by: How a pickle stores the modules. `"bytes"` stores their bytes, also for modules that the manifest names by
            path. `"path"` stores the path or URL and the SHA-256, which is checked when the pickle is loaded. By
            default a pickle stores bytes for a plug-in that was given as bytes or as the path of a module, and the
            entries of the manifest otherwise.
        timeout: The time limit of each call, in seconds.
        fuel: The fuel of each call.
        config: Configuration values of each instance, which are added to those of the manifest.

    Raises:
        ArgumentError: If an argument is wrong, or if no codec is known for a type.
    """

    def __init__(
        self,
        compiled: CompiledPlugin,
        name: str,
        takes: Any = None,
        gives: Any = None,
        *,
        fresh: bool = False,
        by: Literal["path", "bytes"] | None = None,
        timeout: float | None = None,
        fuel: float | None = None,
        config: Mapping[str, str | None] | None = None,
    ) -> None:
        if by not in (None, "path", "bytes"):
            raise ArgumentError(f'by= is {shown(by)}; it is "path" or "bytes", or not given')
        if config is not None and not isinstance(config, Mapping):
            raise ArgumentError(f"config: expected a mapping of texts, found a value of type {type(config).__name__}")
        options = _Options(name, fresh, timeout, fuel, tuple((config or {}).items()))
        self._set(_Home(compiled), takes, gives, by, options)

    def _set(self, home: _Home, takes: Any, gives: Any, by: str | None, options: _Options) -> None:
        self._home = home
        self._types = takes, gives
        self._is_typed = takes is not None or gives is not None
        self._write = takes_type(takes)
        self._read = gives_type(gives)
        self._by = by
        self._options = options
        self._instances = home.instances(options)
        self._process = _LOADED.process
        self._limits: dict[str, Any] = {}
        if options.timeout is not None:
            self._limits["timeout"] = options.timeout
        if options.fuel is not None:
            self._limits["fuel"] = options.fuel
        self._is_plain = not (self._is_typed or options.fresh or self._limits)
        self.__name__ = self.__qualname__ = options.name

    @property
    def name(self) -> str:
        """The name of the function."""
        return self._options.name

    @property
    def compiled(self) -> CompiledPlugin:
        """The compiled plug-in."""
        return self._home.compiled

    @property
    def fresh(self) -> bool:
        """Whether each call has a new instance."""
        return self._options.fresh

    def __call__(self, data: Any = b"") -> Any:
        """Calls the function on the instance of the current thread.

        Args:
            data: The input, or a value of the type `takes`.

        Returns:
            The output as bytes, or a value of the type `gives`.

        Raises:
            Error: As for `Plugin.call`.
        """
        if self._is_plain:
            return self._function()(data)
        if self._is_typed:
            data = self._write(data)
        if self._options.fresh:
            with self._plugin() as plugin:
                return plugin.call(self.name, data, parse=self._read, **self._limits)
        return self._function()(data, self._read, **self._limits)

    def batch(self, items: Iterable[Any]) -> list[Any]:
        """Calls the function once for each item, in order.

        >>> results = executor.map(count.batch, lists_of_items)

        Args:
            items: The inputs.

        Returns:
            The results.

        Raises:
            Error: If a call fails. Its attribute `item` is the position of the item.
        """
        if self._options.fresh:
            return list(mapped(self, items))
        if self._is_typed:
            items = map(self._write, items)
        return self._function().batch(items, self._read, **self._limits)

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """Calls the function once for each item, lazily.

        Args:
            items: The inputs.

        Returns:
            An iterator of the results, in order.

        Raises:
            Error: If a call fails, when its result is requested. Its attribute `item` is the position of the item.
        """
        return mapped(self, items)

    def batches(self, items: Iterable[Any], size: int = 1000) -> Iterator[list[Any]]:
        """Calls the function once for each item, in batches.

        Args:
            items: The inputs.
            size: The number of items of a batch.

        Returns:
            An iterator of lists of results. Each list has `size` results, the last one may have fewer.

        Raises:
            Error: If a call fails, when its batch is requested. Its attribute `item` is the position of the item.
        """
        return batches(self, items, size)

    def _plugin(self) -> Plugin:
        config = dict(self._options.config)
        return Plugin(self._home.compiled, config=config) if config else Plugin(self._home.compiled)

    def _function(self) -> PluginFunction:
        """The function of the instance of this thread."""
        if self._process is not _LOADED.process:
            self._instances, self._process = self._home.instances(self._options), _LOADED.process
        function = self._instances.function
        if function is None:
            function = self._plugin().function(self._options.name)
            self._instances.function = function
        return function

    def __reduce__(self) -> tuple[Any, ...]:
        token, data = self._pickled
        takes, gives = self._types
        return _load, (token, data, takes, gives, self._by, tuple(self._options))

    @functools.cached_property
    def _pickled(self) -> tuple[str, bytes]:
        """The compiled plug-in as a pickle, and the hash of that."""
        make, (manifest, wasi, functions), state = self._home.compiled._parts()
        path = self._home.compiled._path
        match self._by:
            case "path":
                manifest = _with_paths(manifest, path)
            case "bytes":
                manifest = _with_bytes(manifest)
        data = pickle.dumps((make, (manifest, wasi, functions), state))
        return hashlib.sha256(data).hexdigest(), data

    def __repr__(self) -> str:
        fresh = ", fresh" if self._options.fresh else ""
        return f"<extism.CompiledFunction {self._options.name} for {self._home.compiled.engine}{fresh}>"


def _load(
    token: str, data: bytes, takes: Any, gives: Any, by: str | None, options: tuple[Any, ...]
) -> CompiledFunction:
    def make() -> CompiledPlugin:
        make, arguments, state = pickle.loads(data)
        compiled: CompiledPlugin = make(*arguments)
        if state:
            vars(compiled).update(state)
        return compiled

    function = CompiledFunction.__new__(CompiledFunction)
    function._set(_LOADED.home(token, make), takes, gives, by, _Options(*options))
    # It goes on as it came.
    function.__dict__["_pickled"] = token, data
    return function


def _with_paths(manifest: dict[str, Any], path: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The manifest with a path or a URL of each module, and the hash of what is there."""
    modules = []
    for index, module in enumerate(manifest["wasm"]):
        module = dict(module)
        if "data" in module:
            if path is None:
                raise ArgumentError(
                    f'by="path": the module wasm[{index}] was given as bytes; make the plug-in of a path, or say '
                    'by="bytes"'
                )
            data = module.pop("data")
            module |= {"path": os.path.abspath(path), "hash": _sha256(data)}
        elif "path" in module:
            module["path"] = os.path.abspath(module["path"])
            if "hash" not in module:
                module["hash"] = _sha256(_read(module["path"]))
        elif "hash" not in module:
            raise ArgumentError(f'by="path": the module wasm[{index}] comes from a URL; give its hash in the manifest')
        modules.append(module)
    return {**manifest, "wasm": modules}


def _with_bytes(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the bytes of each module."""
    modules = []
    for index, module in enumerate(manifest["wasm"]):
        module = dict(module)
        if "path" in module:
            module["data"] = _read(module.pop("path"))
        elif "data" not in module:
            raise ArgumentError(
                f'by="bytes": the module wasm[{index}] comes from a URL; fetch it and give its bytes, or say by="path"'
            )
        modules.append(module)
    return {**manifest, "wasm": modules}


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _sha256(data: Buffer) -> str:
    return hashlib.sha256(data).hexdigest()


def _call_signature() -> inspect.Signature:
    """The signature of `Plugin.call` without the name of the function."""
    parameters = list(inspect.signature(Plugin.call).parameters.values())
    return inspect.Signature(parameters[2:])


CALL_SIGNATURE = _call_signature()
"""The signature of a `PluginFunction`."""
