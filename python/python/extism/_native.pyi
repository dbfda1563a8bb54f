import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import Signature
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar, final, overload
from uuid import UUID

from typing_extensions import Buffer, Self, disjoint_base

from ._compare import Report
from ._contents import Export, Import, Inspection, MemoryInfo
from ._diagnostics import Diagnostics
from ._functions import CompiledFunction, TypedFunction
from ._limits import Limits
from ._manifest import Manifest, ManifestDict
from ._state import Config, Vars
from .http import HttpRequest, HttpResponse
from .types import ValType

__all__ = [
    "CancelHandle",
    "CompiledPlugin",
    "CurrentPlugin",
    "CustomLog",
    "Engine",
    "Function",
    "Memory",
    "Plugin",
    "PluginFunction",
    "Pool",
    "Stopwatch",
    "Store",
    "Ticket",
    "Val",
    "WakeEvent",
    "Wasi",
    "abandon",
    "after_fork",
    "before_fork",
    "begin_to_end",
    "below_engine_handlers",
    "cache_folder",
    "compare",
    "default_limits",
    "engines",
    "extism_version",
    "follow_logging",
    "forked",
    "inspect",
    "make_until",
    "manifest_schema",
    "set_log_file",
    "shown",
    "feature_names",
    "strict_limits",
    "unwatched",
    "watched",
]

_T = TypeVar("_T")
_Manifest: TypeAlias = Manifest | ManifestDict | Mapping[str, Any]

@disjoint_base
class CompiledPlugin:
    """A plug-in that is compiled and linked, ready to be instantiated.

    `Plugin(compiled)` makes an instance without compiling again. You can make any number of instances, on any
    thread. Instances share no state, and they outlive the `CompiledPlugin`.

    You can pickle it. Unpickling compiles again, from the same bytes and paths, for the same engine and with the
    same host functions. Host functions at the top level of an importable module are pickled by name. Others, and
    those of `__main__`, are pickled by value; this needs the package `cloudpickle`.

    Args:
        plugin: A path, text, bytes or a manifest, as for `Plugin`.
        wasi: `True` lets the modules import WASI preview 1. An `extism.Wasi` also has settings for it.
        functions: Host functions. The default is all functions that `extism.host_fn` has registered so far.
            Functions that no module imports are ignored.
        engine: The engine, as for `Plugin`.
        http_client: A callable that replaces the built-in HTTP client, for requests of plug-ins and for
            modules behind a URL. It takes an `extism.HttpRequest` and returns an `extism.HttpResponse`.
            `allowed_hosts` is checked before the call.
        http_response_headers: Whether plug-ins can read the headers of HTTP responses.
        progress: A callable that is called while a module is downloaded, with the bytes received and the total.
            The total is `None` if it is unknown. An exception ends the download.
        fuel: The fuel of each call of an instance, as for `Plugin`.
        limits: Limits on compiling and on memory, an `extism.Limits`.
        compile_timeout: The time limit of compiling, in seconds, without downloads. `math.inf` and `None` mean no
            limit. After a timeout the engine finishes on a background thread, and the result is dropped.
        cache: Where compiled code is stored for later processes: the path of a folder, or `False` for nowhere.
            The default is the cache folder of the user, or the environment variable `EXTISM_CACHE_DIR`.
            Whoever can write to the folder can run code as you. Problems with the cache are never errors.
        diagnostics: Dumps after failures and profiling, an `extism.Diagnostics`. The default comes from
            environment variables.

    Raises:
        extism.ArgumentError: If an argument is wrong.
        extism.ManifestError: If the manifest is wrong.
        extism.InvalidModuleError: If a module is not WebAssembly that can be run.
        extism.LinkError: If an import cannot be resolved.
        extism.UnknownEngineError: If the engine is not built in.
        extism.UnsupportedError: If the engine lacks a feature that was asked for.
        extism.TimeoutError: If compiling exceeds `compile_timeout`.
    """
    def __new__(
        cls,
        plugin: str | Buffer | os.PathLike[str] | _Manifest,
        wasi: bool | Wasi = False,
        functions: Iterable[Function] | None = None,
        *,
        engine: str | Engine | None = None,
        http_client: Callable[[HttpRequest], HttpResponse] | None = None,
        http_response_headers: bool = False,
        progress: Callable[[int, int | None], object] | None = None,
        fuel: float | None = None,
        limits: Limits | None = None,
        compile_timeout: float | None = None,
        cache: bool | str | os.PathLike[str] | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> Self: ...
    def function(
        self,
        name: str,
        *,
        takes: Any = None,
        gives: Any = None,
        fresh: bool = False,
        by: Literal["path", "bytes"] | None = None,
        timeout: float | None = None,
        fuel: float | None = None,
        config: Mapping[str, str | None] | None = None,
    ) -> CompiledFunction:
        """Makes a function that you can pickle and map over items on threads, processes and other machines. It makes
        its instances where it is called.

        >>> count = compiled.function("count_vowels")
        >>> multiprocessing.Pool().map(count, ["Hello", "World"])

        Args:
            name: The name of the exported function.
            takes: The type of the argument, as for `Plugin.function`.
            gives: The type of the result, as for `Plugin.function`.
            **options: `fresh`, `by`, `timeout`, `fuel` and `config`, as for `extism.CompiledFunction`.

        Returns:
            An `extism.CompiledFunction`.

        Raises:
            extism.UnknownFunctionError: If the plug-in has no callable function of that name.
            extism.ArgumentError: If an option is wrong, or if no codec is known for a type.
        """
    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports of the main module, as a tuple of `extism.Export`."""
    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports of all modules and their providers, as a tuple of `extism.Import`."""
    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest, as a `dict` that `Plugin` accepts. Modules that were given as bytes are `bytes`."""
    @property
    def memory(self) -> MemoryInfo:
        """The initial and the largest memory of an instance, as an `extism.MemoryInfo`."""
    @property
    def features(self) -> tuple[str, ...]:
        """The names of the WebAssembly features that the modules use, beyond WebAssembly 1.0. Modules behind a path
        or URL are read again.

        Raises:
            extism.ManifestError: If a module can no longer be read.
        """
    @property
    def newly_compiled(self) -> int:
        """How many modules had to be compiled for it, with the host's own: none if all code was in use already, or in
        the compile cache.
        """
    @property
    def engine(self) -> str:
        """The name of the engine it is compiled for, as `engine=` understands it."""
    @property
    def _path(self) -> str | None:
        """The file of its only module, if it was made from a path."""
    def _parts(self) -> tuple[Any, ...]:
        """The result of `__reduce__`: the function and the arguments that make it again, and its state."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@disjoint_base
class Plugin:
    """A plug-in: WebAssembly modules that run together, ready to be called.

    Any thread may call it; calls run one at a time. Used in `with`, it closes at the end of the block.

    Args:
        plugin: A path; a module or a manifest (JSON or TOML) as text or bytes; an `extism.Manifest`; a manifest as
            a `dict`, where `data` may be `bytes`; or a `CompiledPlugin`, beside which only `config` and `fuel` are
            allowed.
        wasi: `True` lets the modules import WASI preview 1. An `extism.Wasi` also has settings for it.
        config: Configuration values, which are added to those of the manifest. Keys and values are `str`. The
            value `None` removes a key.
        functions: Host functions. The default is all functions that `extism.host_fn` has registered. Functions
            that no module imports are ignored.
        engine: The name of an engine (`"wasmtime"`), optionally with a compiler (`"wasmtime:winch"`), or an
            `extism.Engine`. The default is the environment variable `EXTISM_ENGINE`, or the first engine of
            `extism.engines()`.
        http_client: A callable that replaces the built-in HTTP client, for requests of plug-ins and for
            modules behind a URL. It takes an `extism.HttpRequest` and returns an `extism.HttpResponse`.
            `allowed_hosts` is checked before the call.
        http_response_headers: Whether plug-ins can read the headers of HTTP responses.
        progress: A callable that is called while a module is downloaded, with the bytes received and the total.
            The total is `None` if it is unknown. An exception ends the download.
        fuel: How many units of work each call may do. `math.inf` counts without a limit. By default nothing is
            counted. One executed WebAssembly instruction is one unit. Host functions cost nothing. The same call
            uses the same fuel on every engine. The first call includes initialisation. With a `CompiledPlugin`,
            which must be compiled with fuel, this sets the fuel of this instance.
        limits: Limits on compiling and on memory, an `extism.Limits`.
        compile_timeout: The time limit of compiling, in seconds, as for `CompiledPlugin`.
        cache: Where compiled code is stored, as for `CompiledPlugin`.
        diagnostics: Dumps after failures and profiling, an `extism.Diagnostics`. The default comes from
            environment variables.

    Raises:
        extism.ArgumentError: If an argument is wrong, or if it was already decided when the `CompiledPlugin` was
            made (engine, WASI, functions, HTTP, limits and the like).
        extism.ManifestError: If the manifest or the configuration is wrong.
        extism.InvalidModuleError: If a module is not WebAssembly that can be run.
        extism.LinkError: If an import cannot be resolved.
        extism.UnknownEngineError: If the engine is not built in.
        extism.UnsupportedError: If the engine lacks a feature that was asked for.
        extism.TimeoutError: If compiling exceeds `compile_timeout`.
    """
    def __new__(
        cls,
        plugin: str | Buffer | os.PathLike[str] | _Manifest | CompiledPlugin,
        wasi: bool | Wasi = False,
        config: Mapping[str, str | None] | None = None,
        functions: Iterable[Function] | None = None,
        *,
        engine: str | Engine | None = None,
        http_client: Callable[[HttpRequest], HttpResponse] | None = None,
        http_response_headers: bool = False,
        progress: Callable[[int, int | None], object] | None = None,
        fuel: float | None = None,
        limits: Limits | None = None,
        compile_timeout: float | None = None,
        cache: bool | str | os.PathLike[str] | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> Self: ...
    @overload
    def call(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> bytes:
        """Calls a function of the plug-in.

        Args:
            function_name: The name of the exported function.
            data: The input: a `str` (as UTF-8), bytes or another buffer.
            parse: A callable that takes the output as bytes and returns the result. With `None` the result is a
                read-only buffer.
            host_context: The value that `CurrentPlugin.host_context()` returns in host functions.
            timeout: The time limit of this call, in seconds. `math.inf` means no limit. The default is `timeout_ms`
                of the manifest. It includes initialisation. The call also waits no longer than this for calls of
                other threads.
            fuel: How many units of work this call may do, or `math.inf`. The plug-in must be made with `fuel`,
                which is the default.

        Returns:
            The result of `parse`, or the output as bytes.

        Raises:
            extism.UnknownFunctionError: If the plug-in has no callable function of that name.
            extism.GuestError: If the guest set an error text.
            extism.ReturnCodeError: If the function returned a code other than 0.
            extism.TrapError: If the guest trapped.
            extism.TimeoutError: If the call exceeds its time limit.
            extism.OutOfFuelError: If the call uses up its fuel.
            extism.CancelledError: If the call was cancelled. After a trap, a timeout, a lack of fuel or a
                cancellation, the next call gets a new instance: memories start again, variables stay.
            extism.ExitError: If the guest exited with a code other than 0.
            extism.HostFunctionError: If a host function failed. Its exception is the cause.
            extism.MemoryLimitError: If the input does not fit into the memory.
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @overload
    def call(
        self,
        function_name: str,
        data: str | Buffer,
        parse: None,
        host_context: Any = None,
        *,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> memoryview: ...
    @overload
    def call(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        parse: None,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> memoryview: ...
    @overload
    def call(
        self,
        function_name: str,
        data: str | Buffer,
        parse: Callable[[bytes], _T],
        host_context: Any = None,
        *,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> _T: ...
    @overload
    def call(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        parse: Callable[[bytes], _T],
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> _T: ...
    @overload
    async def call_async(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
        executor: ThreadPoolExecutor | None = None,
    ) -> bytes:
        """Calls a function on a worker thread and awaits it.

        Cancelling the task cancels the guest and waits until it has stopped. Host functions that are `async` run in
        the event loop of the caller.

        Args:
            function_name: The name of the exported function.
            data: The input, as for `call`.
            **options: `parse`, `host_context`, `timeout` and `fuel`, as for `call`. `executor` is the
                `concurrent.futures.ThreadPoolExecutor` for the guest. The default is an executor of the package.

        Returns:
            An awaitable of the result of `call`.

        Raises:
            extism.Error: As for `call`.
            RuntimeError: If no event loop is running.
        """
    @overload
    async def call_async(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        parse: None,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
        executor: ThreadPoolExecutor | None = None,
    ) -> memoryview: ...
    @overload
    async def call_async(
        self,
        function_name: str,
        data: str | Buffer = b"",
        *,
        parse: Callable[[bytes], _T],
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
        executor: ThreadPoolExecutor | None = None,
    ) -> _T: ...
    def _call_until(
        self,
        ticket: Ticket,
        function_name: str,
        data: str | Buffer = ...,
        parse: Callable[[bytes], Any] | None = ...,
        host_context: Any = None,
        *,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> Any:
        """As `call`, for `extism._async`."""
    @overload
    def function(  # pyright: ignore[reportOverlappingOverload]
        self, name: str, *, takes: None = None, gives: None = None
    ) -> PluginFunction:
        """Looks up a function once, for many calls.

        >>> count = plugin.function("count_vowels")
        >>> count("Hello, World!")

        Args:
            name: The name of the exported function.
            takes: The type of the argument, as in annotations of host functions: `str`, `bytes`,
                `Annotated[..., extism.Json]` and so on.
            gives: The type of the result. Without `takes` and `gives` the function takes and returns the same as
                `call`.

        Returns:
            An `extism.PluginFunction`, or an `extism.TypedFunction` if a type is given.

        Raises:
            extism.UnknownFunctionError: If the plug-in has no callable function of that name.
            extism.ArgumentError: If no codec is known for a type.
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @overload
    def function(self, name: str, *, takes: Any = None, gives: Any = None) -> TypedFunction: ...
    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports of the main module, as a tuple of `extism.Export`."""
    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports of all modules and their providers, as a tuple of `extism.Import`."""
    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest, as a `dict` that `Plugin` accepts. Modules that were given as bytes are `bytes`. `config` is
        without the changes of this instance.
        """
    @property
    def memory(self) -> MemoryInfo:
        """The initial, the largest and the current memory, as an `extism.MemoryInfo`.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def features(self) -> tuple[str, ...]:
        """The names of the WebAssembly features that the modules use, beyond WebAssembly 1.0. Modules behind a path
        or URL are read again.

        Raises:
            extism.ManifestError: If a module can no longer be read.
        """
    def function_exists(self, name: str) -> bool:
        """Tells whether the plug-in exports a function that can be called.

        Args:
            name: The name of the function.

        Returns:
            Whether there is an export of that name that is a function without parameters.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    def cancel_handle(self) -> CancelHandle:
        """Makes a handle that cancels calls of this plug-in, from any thread and from its own host functions.

        Returns:
            The handle. It works for every call of this plug-in, also after others were cancelled.
        """
    @property
    def vars(self) -> Vars:
        """The variables of the plug-in, as a mapping from `str` to `bytes`. You, the guest and host functions share it.

        Each access waits for the running call and raises the same errors as `reset`. Setting a variable raises
        `ArgumentError` if it exceeds `max_var_bytes`.
        """
    @property
    def config(self) -> Config:
        """The configuration of this instance, as a mapping from `str` to `str`. It raises the same errors as `vars`,
        and `ManifestError` if a value is not text.
        """
    def update_config(self, config: Mapping[str, str | None]) -> None:
        """Changes the configuration of this instance.

        Args:
            config: Keys and values, all `str`. The value `None` removes a key. If one value is wrong, nothing is
                changed.

        Raises:
            extism.ManifestError: If a value is neither text nor `None`.
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    def reset(self) -> None:
        """Frees all blocks of the memory that the plug-in shares with the host.

        Each call does this when it begins. Use it to free memory of a plug-in that you call rarely. The memories of
        the modules and the variables stay.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    def close(self) -> None:
        """Waits for the running call, then frees the plug-in or returns it to its pool. Closing it again does nothing.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
        """
    @property
    def fuel_consumed(self) -> int | None:
        """How many units of work the last call did, or `None` if the plug-in was made without `fuel`. If the guest
        trapped, other than by `unreachable`, the count may be off by up to the cost of the function that trapped and
        those that it calls.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def stdout(self) -> bytes:
        """The bytes that the guest wrote to standard output since the last call began. Empty without
        `wasi=extism.Wasi(stdout="capture")`.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def stderr(self) -> bytes:
        """The bytes that the guest wrote to standard error since the last call began. Empty without
        `wasi=extism.Wasi(stderr="capture")`.

        Raises:
            extism.ReentrantError: If a host function that this plug-in called makes the call.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def id(self) -> UUID:
        """The id of the plug-in, in log lines and errors."""
    @property
    def engine(self) -> str:
        """The name of the engine, as in `engine=`."""
    def __reduce__(self) -> NoReturn: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class PluginFunction:
    """A function of a plug-in, looked up once; `Plugin.function` makes it.

    >>> count = plugin.function("count_vowels")
    >>> count("Hello, World!")

    It keeps its plug-in alive. Any thread may call it; calls run one at a time.
    """
    @overload
    def __call__(
        self,
        data: str | Buffer = b"",
        *,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> bytes:
        """Call self as a function."""
    @overload
    def __call__(
        self,
        data: str | Buffer = b"",
        *,
        parse: None,
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> memoryview: ...
    @overload
    def __call__(
        self,
        data: str | Buffer,
        parse: Callable[[bytes], _T],
        host_context: Any = None,
        *,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> _T: ...
    @overload
    def __call__(
        self,
        data: str | Buffer = b"",
        *,
        parse: Callable[[bytes], _T],
        host_context: Any = None,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> _T: ...
    @overload
    def batch(
        self, items: Iterable[str | Buffer], *, timeout: float | None = None, fuel: float | None = None
    ) -> list[bytes]:
        """Calls the function once for each item, in order.

        Args:
            items: The inputs.
            parse: A callable that makes the result of each output, as for a call.
            timeout: The time limit of each call, in seconds.
            fuel: The fuel of each call.

        Returns:
            The results, as a list.

        Raises:
            extism.Error: If a call fails. Its attribute `item` is the position of the item.
        """
    @overload
    def batch(
        self,
        items: Iterable[str | Buffer],
        parse: Callable[[bytes], _T],
        *,
        timeout: float | None = None,
        fuel: float | None = None,
    ) -> list[_T]: ...
    def map(self, items: Iterable[str | Buffer], **options: Any) -> Iterator[Any]:
        """Calls the function once for each item, lazily.

        Args:
            items: The inputs.
            **options: As for a call.

        Returns:
            An iterator of the results, in order.

        Raises:
            extism.Error: If a call fails, when its result is requested. Its attribute `item` is the position of the
                item.
        """
    def batches(
        self, items: Iterable[str | Buffer], size: int = 1000, **options: Any
    ) -> Iterator[list[Any]]:
        """Calls the function once for each item, in batches.

        Args:
            items: The inputs.
            size: The number of items of a batch.
            **options: As for `batch`.

        Returns:
            An iterator of lists of results. Each list has `size` results, the last one may have fewer.

        Raises:
            extism.Error: If a call fails, when its batch is requested. Its attribute `item` is the position of the
                item.
        """
    @property
    def name(self) -> str:
        """The name of the function."""
    @property
    def plugin(self) -> Plugin:
        """The plug-in."""
    @property
    def __name__(self) -> str: ...
    @property
    def __signature__(self) -> Signature: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Pool:
    """A bounded number of instances of one compiled plug-in, created on demand.

    Any thread may use it. If all instances are in use, callers wait: first come, first served. A forked
    process starts with an empty pool; unpickling makes a new one.

    >>> with pool.get(timeout=1) as plugin:
    ...     plugin.call("f")

    Args:
        compiled: The `CompiledPlugin` to make instances of.
        max_instances: The largest number of instances. The default is the number of threads that the machine can
            run at once.
        reuse: Whether a returned instance is lent again. It keeps its memory and is not initialised again. By
            default each borrower gets a new instance. In both cases each borrower gets new variables, a new
            configuration and a new id. An instance whose last call did not return (a trap, an exit, a timeout, a
            cancellation or a failed host function) is never lent again.

    Raises:
        extism.ArgumentError: If `compiled` is not a `CompiledPlugin` or `max_instances` is less than 1.
    """
    def __new__(
        cls,
        compiled: CompiledPlugin,
        max_instances: int | None = None,
        reuse: bool = False,
    ) -> Self: ...
    def get(self, timeout: float | None = None) -> Plugin:
        """Lends an instance. Close it to return it, or use it in `with`. After that it raises `ClosedError`. An
        instance that is garbage collected without being closed makes room for a new one.

        Args:
            timeout: How long to wait for an instance, in seconds. By default there is no limit: a caller that holds
                all instances itself waits for ever.

        Returns:
            A `Plugin`.

        Raises:
            extism.TimeoutError: If no instance was returned in time.
            extism.TrapError: If a data segment of a new instance does not fit.
            extism.MemoryLimitError: If the memories of a new instance exceed the limit.
            extism.ManifestError: If an allowed path cannot be opened.
        """
    @property
    def max_instances(self) -> int:
        """The largest number of instances."""
    @property
    def reuse(self) -> bool:
        """Whether returned instances are lent again."""
    @property
    def instances(self) -> int:
        """The number of instances now, lent or idle."""
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class CancelHandle:
    """Cancels calls of a plug-in, from any thread. It stays valid when the plug-in is closed."""
    def cancel(self) -> bool:
        """Cancels the running call, which raises `extism.CancelledError`. The next call is not affected.

        Returns:
            Whether a call was running.
        """

@disjoint_base
class Function:
    """A host function: a Python callable that plug-ins can import.

    `Function(name, args, returns, f, *user_data)` serves imports of that name from every namespace that nothing else
    provides. `Function(namespace, name, args, returns, f, *user_data)` serves imports from that namespace only.
    Calling the object calls the callable as a plain Python function.

    Args:
        namespace: The namespace of the import, or `None` for any.
        name: The name of the import.
        args: The types of the parameters, a list of `ValType`.
        returns: The types of the results, a list of `ValType`.
        f: The callable. Plug-ins call it as `f(plugin, params, results, *user_data)`. `params` and `results` are
            lists of `Val`. It sets the values of `results`.
        user_data: Further arguments for `f`.
        wrapped: The callable that calling this object calls. The default is `f`.
        numbers: Whether guests call `wrapped(*numbers, *user_data)` instead of `f`, without `Val`. It returns a
            number if there is one result.

    Raises:
        extism.ArgumentError: If a type is not one of I32, I64, F32 and F64.
    """
    @overload
    def __new__(
        cls,
        name: str,
        args: Sequence[ValType],
        returns: Sequence[ValType],
        f: Callable[..., Any],
        *user_data: Any,
        wrapped: Callable[..., Any] | None = None,
        numbers: bool = False,
    ) -> Self: ...
    @overload
    def __new__(
        cls,
        namespace: str | None,
        name: str,
        args: Sequence[ValType],
        returns: Sequence[ValType],
        f: Callable[..., Any],
        *user_data: Any,
        wrapped: Callable[..., Any] | None = None,
        numbers: bool = False,
    ) -> Self: ...
    @property
    def name(self) -> str:
        """The name of the import."""
    @property
    def namespace(self) -> str | None:
        """The namespace of the import, or `None` for any."""
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call self as a function."""
    def __reduce__(self) -> str | tuple[Any, ...]: ...

@final
class CurrentPlugin:
    """The plug-in that is calling a host function.

    Host functions with an explicit signature get one as their first argument. It is valid only during
    the call of the host function, and only on the thread of that call.

    Raises:
        extism.ClosedError: Every method raises it after the call and on another thread.
    """
    def memory(self, mem: Memory) -> memoryview:
        """Opens a block of plug-in memory as a writable buffer.

        The buffer is a copy. It is written back to the memory of the plug-in when the host function
        returns. The other methods of this object see changes at once. After the host function has
        returned, the buffer is released. You can still read slices of it; they no longer belong to the
        plug-in.

        Args:
            mem: The block.

        Returns:
            A buffer of the length of the block. It is empty if the block is not live.
        """
    def alloc(self, size: int) -> Memory:
        """Allocates a block of plug-in memory, filled with zeros.

        Args:
            size: The number of bytes.

        Returns:
            The block. For size 0 it is the null handle.

        Raises:
            extism.ArgumentError: If the size is not a number or is negative.
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def free(self, mem: Memory) -> None:
        """Frees a block of plug-in memory and releases its buffers.

        Args:
            mem: The block. If it is not live, nothing happens.
        """
    def memory_at_offset(self, offs: int | Val) -> Memory:
        """Finds the block that starts at an offset.

        Args:
            offs: The offset, an `int` or a `Val`.

        Returns:
            The block. Its length is 0 if no block starts there.
        """
    def return_bytes(self, output: Val, b: str | Buffer) -> None:
        """Returns bytes from a host function. They are written to a new block.

        Args:
            output: The result. It is set to the handle of the block.
            b: The bytes: a `str` (as UTF-8), bytes or another buffer.

        Raises:
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def return_string(self, output: Val, s: str) -> None:
        """Returns text from a host function. It is written to a new block as UTF-8.

        Args:
            output: The result. It is set to the handle of the block.
            s: The text.

        Raises:
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def input_bytes(self, input: Val) -> bytes:
        """Reads the block of plug-in memory that a parameter refers to.

        Args:
            input: The parameter, which holds the handle of the block.

        Returns:
            The bytes of the block. They are empty if the handle is null or its block is not live.
        """
    def input_buffer(self, input: Val) -> memoryview:
        """Reads the block of plug-in memory that a parameter refers to, as a buffer.

        Args:
            input: The parameter, which holds the handle of the block.

        Returns:
            A buffer over a copy of the block. It stays valid after the call.
        """
    def input_string(self, input: Val) -> str:
        """Reads the block of plug-in memory that a parameter refers to, as UTF-8 text.

        Args:
            input: The parameter, which holds the handle of the block.

        Returns:
            The text.

        Raises:
            UnicodeDecodeError: If the bytes are not UTF-8.
        """
    @property
    def vars(self) -> Vars:
        """The variables of the plug-in, as a mapping from `str` to `bytes`. You and the guest share it.

        Raises:
            extism.ArgumentError: When you set a variable that exceeds `max_var_bytes`.
        """
    @property
    def config(self) -> Config:
        """The configuration of the plug-in, as a mapping from `str` to `str`. Changes affect this
        instance only.
        """
    @property
    def time_remaining(self) -> float | None:
        """The time that is left for the running call, in seconds. `None` means no time limit. At 0 the
        call fails when the host function returns.
        """
    @property
    def error(self) -> str | None:
        """The error text of the running call, or `None`."""
    def set_error(self, text: str) -> None:
        """Sets the error text of the running call, as a guest can. The guest continues. When it returns,
        `Plugin.call` raises `extism.GuestError` with the text.

        Args:
            text: The text.

        Raises:
            extism.ArgumentError: If the text is empty.
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def clear_error(self) -> None:
        """Removes the error text of the running call."""
    def log(self, level: str, text: str) -> None:
        """Logs a line for the plug-in, with its id.

        Args:
            level: `trace`, `debug`, `info`, `warn` or `error`, in upper or lower case.
            text: The line. It is cut after 64 KiB.

        Raises:
            extism.ArgumentError: If the level is unknown.
        """
    def host_context(self) -> Any:
        """Returns the object that was passed to `Plugin.call(..., host_context=...)`.

        Returns:
            The object, or `None` if there is none.
        """

@final
class Stopwatch:
    """Counts the calls of host functions of the plug-ins that are compiled with it."""
    def __new__(cls) -> Self: ...
    def take(self) -> tuple[int, float]:
        """Returns the calls since the last `take`, and starts again from 0.

        Returns:
            The number of calls, and the seconds that they took together.
        """

@final
class WakeEvent:
    """An event for which the thread of a guest waits. For `extism._async`."""
    def __new__(cls) -> Self: ...
    def set(self) -> None:
        """Ends the wait of one thread, or the next wait if no thread waits."""
    def wait(self, timeout: float, interruptible: bool) -> bool:
        """Waits until it is set, and resets it.

        Args:
            timeout: For how long, in seconds.
            interruptible: Whether to end with the call that the current thread serves.

        Returns:
            Whether it was set.

        Raises:
            extism.Error: Why the call has to end.
        """

@final
class Ticket:
    """One call that can be cancelled from another thread. For `extism._async`."""
    def __new__(cls) -> Self: ...
    def cancel(self) -> bool:
        """Cancels the call. While it begins, that may come to nothing: who needs it to end repeats this.

        Returns:
            Whether there is a call that has to end before it is over.
        """

@final
class Store:
    """The variables and the configuration of a plug-in."""
    def var(self, key: str) -> bytes | None:
        """The value of a variable, or `None`."""
    def set_var(self, key: str, value: str | Buffer) -> None:
        """Sets a variable."""
    def remove_var(self, key: str) -> bool:
        """Removes a variable. Returns whether there was one."""
    def var_keys(self) -> list[str]:
        """The keys of all variables, in order."""
    def config_dict(self) -> dict[str, str]:
        """A copy of the configuration."""
    def config_value(self, key: str) -> str | None:
        """The value of a key of the configuration, or `None`."""
    def set_config(self, key: str, value: str) -> None:
        """Sets a key of the configuration."""
    def update_config(self, config: Mapping[str, str | None]) -> None:
        """Sets keys of the configuration, and removes those with the value `None`. If one is wrong, none changes."""

@disjoint_base
class CustomLog:
    """The native part of `extism.CustomLogger`.

    Making one sets the log of the process. When it is garbage collected, logging is off, unless there is a newer
    setting.

    Args:
        f: The callable for `drain`.
        level: The lowest level that is logged, as in `set_log_file`.

    Raises:
        extism.ArgumentError: If the level is unknown, or if `f` is not callable.
    """
    def __new__(cls, f: Callable[[str], object], level: str | None = None) -> Self: ...
    def drain(self) -> None:
        """Calls `f` with each waiting line, in order.

        At most 4 MiB of text wait. Beyond that the oldest lines are dropped, and a line of level `WARN` says how many.
        Lines that are logged while `f` runs wait for the next `drain`. If `f` raises, the exception goes to
        `sys.unraisablehook` and the next line follows. KeyboardInterrupt and SystemExit propagate; the other lines
        keep waiting.
        """

@final
class Val:
    """A WebAssembly value and its type, for host functions with an explicit signature.

    Args:
        t: The type, a `ValType`.
        v: The value, an `int` or a `float`.
    """
    t: ValType
    value: Any
    def __new__(cls, t: ValType, v: Any) -> Self: ...
    def __eq__(self, value: object, /) -> bool: ...

@final
class Memory:
    """A block of plug-in memory: where it starts and how long it is.

    Args:
        offs: The offset, which is also the handle of the block.
        length: Its length in bytes.
    """
    def __new__(cls, offs: int, length: int) -> Self: ...
    @property
    def offset(self) -> int:
        """The offset, which is also the handle of the block."""
    @property
    def length(self) -> int:
        """Its length in bytes."""
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

@final
class Engine:
    """A built-in engine with one of its compilers.

    WebAssembly leaves the results of some instructions open. `deterministic=True` makes them the same on every
    machine: arithmetic returns the positive canonical NaN, and each relaxed SIMD instruction has one result.
    Floating-point code then runs several times slower. Clocks, randomness, time limits and the depth of recursion
    are not affected. `extism.compare` and the pytest plug-in always use it.

    Args:
        name: The name of the engine, optionally with a compiler after a colon.
        compiler: The compiler. The default is the first of the engine.
        deterministic: Whether open results are the same on every machine.

    Raises:
        extism.UnknownEngineError: If the engine is not built in. The message lists the built-in engines.
    """
    def __new__(
        cls, name: str, compiler: str | None = None, *, deterministic: bool = False
    ) -> Self: ...
    @property
    def name(self) -> str:
        """The name of the engine, without a compiler."""
    @property
    def version(self) -> str:
        """The version of the engine."""
    @property
    def compiler(self) -> str:
        """The compiler."""
    @property
    def compilers(self) -> tuple[str, ...]:
        """All compilers of the engine, the default first."""
    @property
    def deterministic(self) -> bool:
        """Whether results that WebAssembly leaves open are the same on every machine."""
    @property
    def capabilities(self) -> frozenset[str]:
        """The names of what the engine can do with this compiler, such as `"compile-cache"` and `"simd"`."""
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Wasi:
    """Settings for WASI preview 1, for `wasi=`. The guest sees nothing of the process but what you set here.

    >>> plugin = Plugin("program.wasm", wasi=Wasi(args=["program", "-v"], stdout="capture"))
    >>> plugin.call("_start")
    >>> plugin.stdout

    `allowed_paths` of the manifest grants folders. Each instance starts with these settings. A command, which is
    a plug-in that exports `_start`, gets a new instance for each call.

    Args:
        args: The arguments. By convention the first one is the name of the program.
        env: The environment variables.
        stdin: The content of standard input: a `str` (as UTF-8), bytes or another buffer.
        stdout: Where standard output goes. `"discard"`, `"capture"` for `Plugin.stdout`, or `"inherit"` for the
            standard output of the process, which is not `sys.stdout`. The default is `"discard"`, or `"inherit"`
            if the environment variable `EXTISM_ENABLE_WASI_OUTPUT` is set.
        stderr: Where standard error goes, with the same values.
        capture_limit: How many bytes of each stream are kept for one call. Further bytes are lost, and the write
            fails with `EIO`.
        clock: A fixed start time, in nanoseconds since 1970, as `time.time_ns()` returns it. Each reading advances
            the clock by one microsecond. A sleep takes real time and advances it by its length. The default is
            the real time.
        seed: A seed for the random numbers of the guest. The default is real randomness.
        max_descriptors: How many descriptors the guest may have open, including the three standard streams and
            the allowed folders.

    Raises:
        extism.ArgumentError: If an argument has the wrong type or value. Texts with a NUL byte are refused when
            the plug-in is made.
    """
    def __new__(
        cls,
        *,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | Buffer | None = None,
        stdout: Literal["discard", "inherit", "capture"] | None = None,
        stderr: Literal["discard", "inherit", "capture"] | None = None,
        capture_limit: int = 1048576,
        clock: int | None = None,
        seed: int | None = None,
        max_descriptors: int = 256,
    ) -> Self: ...
    @property
    def args(self) -> list[str]:
        """The arguments."""
    @property
    def env(self) -> dict[str, str]:
        """The environment variables."""
    @property
    def stdin(self) -> bytes:
        """The content of standard input."""

def below_engine_handlers(function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Calls a function that changes handlers of fatal signals, with the handlers of engines taken off.

    If a guest of another thread traps meanwhile, the process ends.
    """
def compare(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    calls: Iterable[str | tuple[str, str | Buffer]] | tuple[str, str | bytes],
    engines: Iterable[str | Engine] | None = None,
    *,
    wasi: bool | Wasi = False,
    config: Mapping[str, str | None] | None = None,
    functions: Iterable[Function] | None = None,
    timeout: float | None = None,
    log_level: str = "trace",
    unsupported: Literal["difference", "ignore"] = "difference",
    http_client: Callable[[HttpRequest], HttpResponse] | None = None,
    http_response_headers: bool = False,
) -> Report:
    """Runs the same calls on several engines and reports whether they agree.

    Each engine gets a new instance, which makes the calls in order. Outputs, failures, log lines, variables and
    captured output are compared. Time and memory are reported only. The report has the log lines, whatever the log
    of the process is. Every engine runs as `extism.Engine(..., deterministic=True)`.

    Args:
        plugin: A path, text, bytes or a manifest, as for `Plugin`.
        calls: The calls. Each is the name of a function, or a pair of a name and an input. A single pair is one
            call.
        engines: The engines, each as in `engine=` of `Plugin`. The default is every built-in engine with every
            compiler. The same engine twice shows what differs from run to run.
        wasi: As for `Plugin`. Fix `clock` and `seed` if the plug-in reads them.
        config: As for `Plugin`.
        functions: As for `Plugin`. Every engine calls the same functions.
        timeout: The time limit of each call, in seconds. The default is `timeout_ms` of the manifest.
        log_level: The lowest level of log lines that are compared. Guests see this level.
        unsupported: What an engine counts as that lacks a feature of the plug-in: a `"difference"`, or `"ignore"`
            to leave it out. If all engines lack it, none is left out.
        http_client: As for `Plugin`.
        http_response_headers: As for `Plugin`.

    Returns:
        An `extism.Report`. It includes failures of calls, and engines that cannot run the plug-in. If no engine can
        make the plug-in, its `verdict` is `"not run"`.

    Raises:
        extism.ArgumentError: If an argument is wrong, or if there is no call or no engine.
        extism.ManifestError: If the manifest cannot be read, or the configuration is wrong.
        extism.UnknownEngineError: If an engine is not built in.
        extism.UnknownFunctionError: If no engine finds one of the functions.
    """
def abandon(is_so: bool) -> None:
    """Sets whether calls on threads other than the main one have to end. For `extism._ending`."""
def unwatched() -> None:
    """Tells that `extism._ending` no longer watches the main thread. For `extism._ending`."""
def inspect(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    *,
    wasi: bool | Wasi = False,
    functions: Iterable[Function] | None = None,
) -> Inspection:
    """Reads the contents of a plug-in, without compiling or running it. Imports may be missing.

    Args:
        plugin: A path, text, bytes or a manifest, as for `Plugin`.
        wasi: As for `Plugin`.
        functions: As for `Plugin`.

    Returns:
        An `extism.Inspection`.

    Raises:
        extism.ManifestError: If the manifest is wrong, or a module cannot be read.
        extism.InvalidModuleError: If a module is not WebAssembly.
        extism.LinkError: If modules import each other.
    """
def cache_folder() -> Path | None:
    """Returns the folder of the compile cache, which `cache=` overrides.

    Returns:
        The folder, as a `pathlib.Path`. It need not exist. `None` if the cache is off.

    Raises:
        extism.ArgumentError: If the configuration that `EXTISM_CACHE_CONFIG` names is wrong.
    """
def default_limits() -> dict[str, int]:
    """Returns the default limits by name."""
def feature_names() -> frozenset[str]:
    """Returns the names of all WebAssembly features for `Limits(forbidden=...)`."""
def shown(value: object) -> str:
    """A value in a message: its `repr`, cut. Its type if `repr` fails, as for numbers with very many digits."""
def strict_limits() -> dict[str, int]:
    """Returns the limits for untrusted code by name."""
def engines() -> list[Engine]:
    """Lists the built-in engines, in order of preference.

    Returns:
        Each engine with each of its compilers. The default compiler of an engine comes first.
    """
def extism_version() -> str:
    """Returns the version of the runtime.

    Returns:
        The version of polyextism.
    """
def follow_logging(level: str) -> None:
    """Makes guests log lines from this level on for `logging`, unless another log is set. For `extism._logging`."""
def begin_to_end() -> None:
    """Begins the end of the interpreter on this thread: other threads leave their guests and enter no more. Python
    calls it after it has joined the other threads.
    """
def before_fork() -> None:
    """Waits until no thread is in an operation that a fork must not interrupt. Python calls it before a fork."""
def after_fork() -> None:
    """Ends the wait for a fork. Python calls it after a fork, in the parent."""
def forked() -> None:
    """Resets the state of the process, which has only one thread. Python calls it after a fork, in the child."""
def make_until(ticket: Ticket, make: Callable[[], _T]) -> _T:
    """Calls `make`, which compiles a plug-in; cancelling `ticket` ends the wait for that. For `extism._async`."""
def manifest_schema() -> str:
    """Returns the JSON Schema of manifests as text."""
def set_log_file(file: str | os.PathLike[str], level: str | None = None) -> None:
    """Writes the log lines of guests to a file.

    The setting is global. You can change it at any time; it replaces the one before, also one of `set_log_custom`.
    Without a setting, guests log the levels that the logger `extism` of the module `logging` accepts. They see the
    level `off` if it has no handler. A line looks like this:

    `2026-11-22T05:37:48.121076Z ERROR extism::pdk: text plugin="<id>"`

    Lines also go to the logger `extism` of the module `logging`, if it or a parent has a handler. The record has the
    text of the line, and the id of the plug-in in the attribute `plugin_id`.

    A line that cannot be written is lost. The first failure goes to `sys.unraisablehook`. The guest continues.

    Args:
        file: The path of a file. It is created if it is missing; lines are appended. `"stdout"` is the standard
            output of the process, `"stderr"` and `"-"` its standard error. They bypass the buffers of
            `sys.stdout` and `sys.stderr`.
        level: The lowest level that is logged: `trace`, `debug`, `info`, `warn` or `error`, in upper or lower case.
            `off` ends logging. The default is `error`.

    Raises:
        extism.ArgumentError: If the level is unknown, or if the file cannot be opened. Then the `OSError` is the
            cause, and the setting does not change.
    """
def watched(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    stopwatch: Stopwatch,
    wasi: bool | Wasi,
    functions: Iterable[Function] | None,
    *,
    engine: str | Engine | None,
    http_client: Callable[[HttpRequest], HttpResponse] | None,
    http_response_headers: bool,
) -> CompiledPlugin:
    """As `CompiledPlugin`, with a stopwatch for its host functions."""
