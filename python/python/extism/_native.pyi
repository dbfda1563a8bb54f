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
    "Bell",
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

    `Plugin(compiled)` makes an instance, as often as needed and on any thread, without compiling
    anything again. Instances share no state; they stay when the compiled plug-in goes.

    It can be pickled, and is compiled again where it is loaded: from the same bytes and paths, for the
    same engine, and with the same host functions. Those at the top level of a module are found there by their names;
    others, and those of `__main__`, are pickled by value if the package `cloudpickle` is installed, or else refused
    when they are pickled.

    Args:
        plugin: What `Plugin` takes: a path, text, bytes, or a manifest.
        wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
            it is given.
        functions: Host functions; all that `extism.host_fn` has registered so far, if not given.
            Only those that a module imports are bound.
        engine: The engine, as `Plugin` takes it.
        http_client: Sends the HTTP requests of plug-ins, and fetches modules, in place of the client that
            is built in. It is called with an `extism.HttpRequest` and returns an
            `extism.HttpResponse`; hosts are checked before.
        http_response_headers: Whether plug-ins can read the headers of responses.
        progress: Called while a module is downloaded, with the number of bytes received and the total, or
            `None` if the total is unknown. An exception ends the download.
        fuel: How many units of work each call of an instance may do, as `Plugin` takes it.
        limits: Limits on compiling and on memory, an `extism.Limits`.
        compile_timeout: How long compiling may take, in seconds, without downloads; `math.inf` or `None` is no limit.
            When it has passed, the engine goes on on a thread of its own, and what it makes is dropped.
        cache: Where compiled code is kept for the next process: in the user's folder for caches if not
            given, or what the environment variable `EXTISM_CACHE_DIR` says; nowhere if `False`; or the
            path of a folder. Whoever can write it can run code as the user. Nothing about it is an
            error.
        diagnostics: Dumps after a failure and profiling, an `extism.Diagnostics`. The default comes from
            environment variables.

    Raises:
        extism.ArgumentError: If WASI cannot be given what `wasi` says, or a dump has no place.
        extism.ManifestError: If the manifest is wrong.
        extism.InvalidModuleError: If a module is not WebAssembly that can be run.
        extism.LinkError: If an import cannot be resolved.
        extism.UnknownEngineError: If the engine is not built in.
        extism.UnsupportedError: If the engine cannot do what was asked.
        extism.TimeoutError: If compiling took longer than it may.
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
        """A function that makes instances where it is called: it can be pickled, and mapped over items on threads,
        processes and other machines.

        >>> count = compiled.function("count_vowels")
        >>> multiprocessing.Pool().map(count, ["Hello", "World"])

        Args:
            name: The name of the exported function.
            takes: The type of its argument, as `Plugin.function` takes it.
            gives: The type of its result, likewise.
            **options: `fresh=True` for a new instance for each call; `by="bytes"` or `by="path"` for what a pickle has
                of the modules; `timeout` and `fuel` of each call; `config` of each instance. See
                `extism.CompiledFunction`.

        Returns:
            An `extism.CompiledFunction`.

        Raises:
            extism.UnknownFunctionError: If there is no such function that can be called.
            extism.ArgumentError: If an option is wrong, or if nothing says how a value of the type is written as bytes.
        """
    @property
    def exports(self) -> tuple[Export, ...]:
        """What the main module exports, as a tuple of `extism.Export`."""
    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports of the modules and what provides them, as a tuple of `extism.Import`."""
    @property
    def manifest(self) -> dict[str, Any]:
        """What it was made of, as a `dict` that `Plugin` takes; the bytes of modules are `bytes`."""
    @property
    def memory(self) -> MemoryInfo:
        """How much memory an instance has at the start and at most, as an `extism.MemoryInfo`."""
    @property
    def features(self) -> tuple[str, ...]:
        """The names of the WebAssembly features that the modules use beyond the first version. It reads the modules: of
        a path or URL, anew.

        Raises:
            extism.ManifestError: If a module cannot be read any more.
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
        """The file that its only module was read from, if it was made of one."""
    def _parts(self) -> tuple[Any, ...]:
        """What `__reduce__` gives: what makes it again, of a manifest, WASI and host functions, and its state."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@disjoint_base
class Plugin:
    """A plug-in: WebAssembly modules that run together, ready to be called.

    Any thread may call it; calls run one at a time. Used in `with`, it closes at the end of the block.

    Args:
        plugin: A path, the text of a module or of a manifest (JSON or TOML), the bytes of either, a
            manifest as an `extism.Manifest` or a `dict` (where `data` of a module may be bytes), or
            a `CompiledPlugin`; then only `config` and `fuel` may be given as well.
        wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
            it is given.
        config: Configuration values, added to those of the manifest. Keys and values are `str`;
            `None` removes a key.
        functions: Host functions; all that `extism.host_fn` has registered, if not given. Only
            those that a module imports are bound.
        engine: The name of an engine (`"wasmtime"`), also with a compiler (`"wasmtime:winch"`),
            or an `extism.Engine`. The default is the environment variable `EXTISM_ENGINE`, or else the
            first engine that is built in.
        http_client: Sends the HTTP requests of plug-ins, and fetches modules, in place of the client that
            is built in. It is called with an `extism.HttpRequest` and returns an
            `extism.HttpResponse`; hosts are checked before.
        http_response_headers: Whether plug-ins can read the headers of responses.
        progress: Called while a module is downloaded, with the number of bytes received and the total, or
            `None` if the total is unknown. An exception ends the download.
        fuel: How many units of work each call may do; `math.inf` counts without a limit. By default nothing
            is counted. A unit is one executed WebAssembly instruction; host functions cost nothing. The
            same call uses the same number on every engine. Initialising the plug-in counts as part of the
            first call. With a `CompiledPlugin`, which must be compiled with fuel, this is for the calls of
            this instance.
        limits: Limits on compiling and on memory, an `extism.Limits`.
        compile_timeout: How long compiling may take, in seconds, as `CompiledPlugin` takes it.
        cache: Where compiled code is kept for the next process, as `CompiledPlugin` takes it.
        diagnostics: Dumps after a failure and profiling, an `extism.Diagnostics`. The default comes from
            environment variables.

    Raises:
        extism.ArgumentError: If a `CompiledPlugin` comes with another engine, or with an argument
            that was decided when it was compiled (WASI, functions, HTTP, limits and the like), or if WASI
            cannot be given what `wasi` says.
        extism.ManifestError: If the manifest or the configuration is wrong.
        extism.InvalidModuleError: If a module is not WebAssembly that can be run.
        extism.LinkError: If an import cannot be resolved.
        extism.UnknownEngineError: If the engine is not built in.
        extism.UnsupportedError: If the engine cannot do what was asked.
        extism.TimeoutError: If compiling took longer than it may.
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
            data: Its input: a `str` (as UTF-8), bytes or another buffer.
            parse: Called with the output, as bytes; it returns the result. `None` returns a read-only
                buffer.
            host_context: The value that `CurrentPlugin.host_context()` returns in host functions.
            timeout: How long this call may take, in seconds; `math.inf` is no limit. The default is
                `timeout_ms` of the manifest. Initialising the plug-in counts. Before that, the call waits for
                calls of other threads for no longer than the same time.
            fuel: How many units of work this call may do, or `math.inf`. The plug-in must be made with
                `fuel`, which is the default.

        Returns:
            What `parse` returns; by default the output as bytes.

        Raises:
            extism.UnknownFunctionError: If there is no such function that can be called.
            extism.GuestError: If the guest set an error text.
            extism.ReturnCodeError: If the function returned a code other than 0.
            extism.TrapError: If the guest trapped.
            extism.TimeoutError: If the call took longer than it may.
            extism.OutOfFuelError: If the call used up its fuel.
            extism.CancelledError: If the call was cancelled. After each of these, the next call gets a
                new instance: memories are as at the start, variables stay.
            extism.ExitError: If the guest exited with a code other than 0.
            extism.HostFunctionError: If a host function failed; its exception is the cause.
            extism.MemoryLimitError: If the input does not fit into the memory.
            extism.ReentrantError: If the caller is a host function that this plug-in called.
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

        Cancelling the task that awaits it cancels the guest, and waits until it has stopped. Host functions that are
        `async` run in the event loop of the caller.

        Args:
            function_name: The name of the exported function.
            data: Its input, as for `call`.
            **options: `parse`, `host_context`, `timeout` and `fuel`, as for `call`, and `executor`: the
                `concurrent.futures.ThreadPoolExecutor` that it runs in, if not that of the package.

        Returns:
            An awaitable of what `call` returns.

        Raises:
            extism.Error: As `call`.
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
        """Looks a function up once, for many calls.

        >>> count = plugin.function("count_vowels")
        >>> count("Hello, World!")

        Args:
            name: The name of the exported function.
            takes: The type of its argument, as host functions annotate theirs: `str`, `bytes`,
                `Annotated[..., extism.Json]` and so on. If neither it nor `gives` is given, the function takes and gives
                what `call` does.
            gives: The type of its result, likewise.

        Returns:
            An `extism.PluginFunction`, or an `extism.TypedFunction` if a type is given.

        Raises:
            extism.UnknownFunctionError: If there is no such function that can be called.
            extism.ArgumentError: If nothing says how a value of the type is written as bytes.
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    @overload
    def function(self, name: str, *, takes: Any = None, gives: Any = None) -> TypedFunction: ...
    @property
    def exports(self) -> tuple[Export, ...]:
        """What the main module exports, as a tuple of `extism.Export`."""
    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports of the modules and what provides them, as a tuple of `extism.Import`."""
    @property
    def manifest(self) -> dict[str, Any]:
        """What it was made of, as a `dict` that `Plugin` takes; the bytes of modules are `bytes`. `config` is that of
        the manifest, without what was changed for this instance.
        """
    @property
    def memory(self) -> MemoryInfo:
        """How much memory there is at the start, at most and now, as an `extism.MemoryInfo`.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def features(self) -> tuple[str, ...]:
        """The names of the WebAssembly features that the modules use beyond the first version. It reads the modules: of
        a path or URL, anew.

        Raises:
            extism.ManifestError: If a module cannot be read any more.
        """
    def function_exists(self, name: str) -> bool:
        """Tells whether the plug-in exports a function that can be called.

        Args:
            name: The name of the function.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    def cancel_handle(self) -> CancelHandle:
        """A handle to cancel calls of this plug-in from any thread, also from its own host functions."""
    @property
    def vars(self) -> Vars:
        """The variables of the plug-in: a mapping from `str` to `bytes` that guests and host functions
        see and change as well.

        Each access waits for the call that is running, and raises errors as `reset` does; setting a
        variable also an `ArgumentError`, if it does not fit.
        """
    @property
    def config(self) -> Config:
        """The configuration of this instance: a mapping from `str` to `str`. Errors are as those of
        `vars`, or a `ManifestError` if a value is not text.
        """
    def update_config(self, config: Mapping[str, str | None]) -> None:
        """Changes the configuration of this instance.

        Args:
            config: Keys and their values, `str`; `None` removes the key. If one of them is wrong,
                nothing is changed.

        Raises:
            extism.ManifestError: If a value is neither text nor `None`.
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    def reset(self) -> None:
        """Frees all blocks of the memory that the plug-in shares with the host.

        Each call does so by itself when it begins; this is for plug-ins that are called rarely.
        The modules' own memory and the variables stay.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    def close(self) -> None:
        """Frees the plug-in, or gives it back to its pool, after the call that is running. Closing it
        again does nothing.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
        """
    @property
    def fuel_consumed(self) -> int | None:
        """How many units of work the last call did; `None` if the plug-in was made without `fuel`. If the
        guest trapped, other than by `unreachable`, it may be off by up to what the function costs that trapped.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def stdout(self) -> bytes:
        """What the guest wrote to its standard output since the last call began, as bytes; empty unless
        `wasi=extism.Wasi(stdout="capture")` captures it.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def stderr(self) -> bytes:
        """What the guest wrote to its standard error, as `stdout` has it for standard output.

        Raises:
            extism.ReentrantError: If the caller is a host function that this plug-in called.
            extism.ClosedError: If the plug-in is closed.
        """
    @property
    def id(self) -> UUID:
        """The id of the plug-in, in log lines and errors."""
    @property
    def engine(self) -> str:
        """The name of the engine it runs on, as `engine=` understands it."""
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

    It keeps its plug-in, and any thread may call it; calls wait for each other.
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
            parse: What makes the result of each output, as for a call.
            timeout: How long each call may take, in seconds.
            fuel: How many units of work each call may do.

        Returns:
            The results, as a list.

        Raises:
            extism.Error: Of the first call that fails; its attribute `item` is the position.
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
        """Calls the function once for each item, as the results are asked for.

        Args:
            items: The inputs.
            **options: As for a call.

        Returns:
            An iterator of the results, in order.

        Raises:
            extism.Error: Of a call that fails, when its result is asked for; its attribute `item` is the position.
        """
    def batches(
        self, items: Iterable[str | Buffer], size: int = 1000, **options: Any
    ) -> Iterator[list[Any]]:
        """Calls the function once for each item, many at a time.

        Args:
            items: The inputs.
            size: How many make a batch.
            **options: As for `batch`.

        Returns:
            An iterator of lists of results, of `size` items each but the last.

        Raises:
            extism.Error: Of a call that fails, when its batch is asked for; its attribute `item` is the position.
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
        compiled: The `CompiledPlugin` that it makes instances of, when they are needed.
        max_instances: The most instances at a time; if not given, as many as the machine can run.
        reuse: Whether an instance that was given back is lent again, with its memory as the borrower
            left it, and without being initialised again. If not, each borrower has a new one. In
            both cases variables, configuration and id are new for each borrower, and an instance
            whose last call did not return (a trap, an exit, a time limit, a cancellation, a host
            function that failed) is not lent again.

    Raises:
        extism.ArgumentError: If `compiled` is no `CompiledPlugin`, or `max_instances` less than 1.
    """
    def __new__(
        cls,
        compiled: CompiledPlugin,
        max_instances: int | None = None,
        reuse: bool = False,
    ) -> Self: ...
    def get(self, timeout: float | None = None) -> Plugin:
        """Lends an instance. Close it to give it back, or use it in `with`; after that it raises
        `ClosedError`. An instance that is garbage collected instead makes room for a new one.

        Args:
            timeout: How long to wait, in seconds, if all are in use. By default there is no limit: a caller
                that holds all of them itself waits for ever.

        Raises:
            extism.TimeoutError: If none was given back in time.
            extism.TrapError: If a new one cannot be made because a data segment does not fit.
            extism.MemoryLimitError: If its memories are too large from the start.
            extism.ManifestError: If an allowed path cannot be opened.
        """
    @property
    def max_instances(self) -> int:
        """The most instances that there are at a time."""
    @property
    def reuse(self) -> bool:
        """Whether instances are lent again."""
    @property
    def instances(self) -> int:
        """How many instances there are now, lent or waiting to be."""
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class CancelHandle:
    """Cancels calls of a plug-in, from any thread. It stays valid when the plug-in is closed."""
    def cancel(self) -> bool:
        """Ends the call that is running with `extism.CancelledError`. The next call is not touched.

        Returns:
            Whether a call was running.
        """

@disjoint_base
class Function:
    """A host function: a Python callable that plug-ins can import.

    `Function(name, args, returns, f, *user_data)` answers imports of that name from any namespace
    that nothing else provides; `Function(namespace, name, args, returns, f, *user_data)` answers
    imports from that namespace only. Calling the object calls the callable, as plain Python.

    Args:
        namespace: The namespace, or `None` as if it were left out.
        name: The name by which plug-ins import it.
        args: The types of the parameters, a list of `ValType`.
        returns: The types of the results, a list of `ValType`.
        f: It is called as `f(plugin, params, results, *user_data)`, where `params` and `results`
            are lists of `Val`; what it returns is put into `results`.
        user_data: Further arguments for `f`.
        wrapped: What calling the object calls, if not `f`.
        numbers: Whether guests get what `wrapped(*numbers, *user_data)` returns, without `Val`s between:
            a number, if there is one result. `f` is not called then.

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
        """The name by which plug-ins import it."""
    @property
    def namespace(self) -> str | None:
        """The namespace it is bound to, or `None`."""
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call self as a function."""
    def __reduce__(self) -> str | tuple[Any, ...]: ...

@final
class CurrentPlugin:
    """The plug-in that is calling a host function.

    Host functions with an explicit signature get one as their first argument. It is valid during
    that call only, on the thread of the call.

    Raises:
        extism.ClosedError: From every method, when used at another time or on another thread.
    """
    def memory(self, mem: Memory) -> memoryview:
        """Opens a block of plug-in memory as a writable buffer.

        The buffer is over a copy: what is written to it is in the plug-in's memory when the host
        function returns, and at once for the other methods of this object. Then it is released;
        slices of it that are still there can be read, but are no part of the plug-in any more.

        Args:
            mem: The block.

        Returns:
            The buffer, as long as the block; empty if it is not a live block.
        """
    def alloc(self, size: int) -> Memory:
        """Allocates a block of plug-in memory, filled with zeros.

        Args:
            size: The number of bytes.

        Returns:
            The block; of size 0, the null handle.

        Raises:
            extism.ArgumentError: If the size is no number, or is negative.
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def free(self, mem: Memory) -> None:
        """Frees a block of plug-in memory, and releases the buffers over it. What is not a live
        block is left alone.

        Args:
            mem: The block.
        """
    def memory_at_offset(self, offs: int | Val) -> Memory:
        """Finds the block that starts at an offset.

        Args:
            offs: The offset, an `int` or a `Val`.

        Returns:
            The block; its length is 0 if none starts there.
        """
    def return_bytes(self, output: Val, b: str | Buffer) -> None:
        """Returns bytes from a host function: writes them to a new block.

        Args:
            output: The result, which becomes the handle of the block.
            b: The bytes, or any buffer.

        Raises:
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def return_string(self, output: Val, s: str) -> None:
        """Returns text from a host function: writes it to a new block, as UTF-8.

        Args:
            output: The result, which becomes the handle of the block.
            s: The text.

        Raises:
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def input_bytes(self, input: Val) -> bytes:
        """Reads the block that a parameter is the handle of.

        Args:
            input: The parameter.

        Returns:
            Its bytes; none if the handle is null or not a live block.
        """
    def input_buffer(self, input: Val) -> memoryview:
        """Reads the block that a parameter is the handle of, as a buffer.

        Args:
            input: The parameter.

        Returns:
            A buffer over a copy, which stays valid.
        """
    def input_string(self, input: Val) -> str:
        """Reads the block that a parameter is the handle of, as UTF-8 text.

        Args:
            input: The parameter.

        Returns:
            Its text.

        Raises:
            UnicodeDecodeError: If it is not UTF-8.
        """
    @property
    def vars(self) -> Vars:
        """The variables of the plug-in: a mapping from `str` to `bytes` that guests see and change as
        well. Setting one raises `extism.ArgumentError` if it does not fit.
        """
    @property
    def config(self) -> Config:
        """The configuration of the plug-in: a mapping from `str` to `str`. Changes are for this
        instance only.
        """
    @property
    def time_remaining(self) -> float | None:
        """How long the running call may go on, in seconds; `None` if it has no time limit, and 0 if the
        limit is over: then the call fails when the host function returns.
        """
    @property
    def error(self) -> str | None:
        """The error text that is set for the running call, `None` if there is none."""
    def set_error(self, text: str) -> None:
        """Sets the error text of the running call, as a guest does. The guest goes on; when it
        returns, `Plugin.call` raises `extism.GuestError` with the text.

        Args:
            text: The text.

        Raises:
            extism.ArgumentError: If the text is empty.
            extism.MemoryLimitError: If the memory cannot grow enough.
        """
    def clear_error(self) -> None:
        """Takes the error text of the running call away."""
    def log(self, level: str, text: str) -> None:
        """Logs a line on behalf of the plug-in, with its id.

        Args:
            level: `trace`, `debug`, `info`, `warn` or `error`, in any case.
            text: The line; beyond 64 KiB it is cut.

        Raises:
            extism.ArgumentError: If there is no such level.
        """
    def host_context(self) -> Any:
        """What the caller gave to `Plugin.call(..., host_context=...)`.

        Returns:
            That object, or `None`.
        """

@final
class Stopwatch:
    """Counts the calls of host functions of the plug-ins that are compiled with it."""
    def __new__(cls) -> Self: ...
    def take(self) -> tuple[int, float]:
        """How many calls there were since the last time this was asked, and how many seconds they took."""

@final
class Bell:
    """What the thread of a guest waits for. For `extism._async`."""
    def __new__(cls) -> Self: ...
    def ring(self) -> None:
        """Lets the one who waits go on, or the next one who would."""
    def wait(self, timeout: float, attends: bool) -> bool:
        """Waits until it is rung.

        Args:
            timeout: For how long, in seconds.
            attends: Whether to end with the call that the current thread serves.

        Returns:
            Whether it was rung.

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
    """What a plug-in keeps on the host's side."""
    def var(self, key: str) -> bytes | None:
        """The value of a variable, or `None`."""
    def set_var(self, key: str, value: str | Buffer) -> None:
        """Sets a variable."""
    def remove_var(self, key: str) -> bool:
        """Removes a variable, and tells whether there was one."""
    def var_keys(self) -> list[str]:
        """The keys of all variables, in order."""
    def config_dict(self) -> dict[str, str]:
        """A copy of the configuration."""
    def config_value(self, key: str) -> str | None:
        """The value of a key of the configuration, or `None`."""
    def set_config(self, key: str, value: str) -> None:
        """Sets a key of the configuration."""
    def update_config(self, config: Mapping[str, str | None]) -> None:
        """Sets keys of the configuration, or removes those of `None`: all or, if one is wrong, none."""

@disjoint_base
class CustomLog:
    """The half of `extism.CustomLogger` that a guest's lines reach.

    Making one sets the log of the process, and when it is gone logging is off, unless something
    else was set since.

    Args:
        f: What `drain` calls.
        level: The lowest level that is logged, as in `set_log_file`.

    Raises:
        extism.ArgumentError: If there is no such level, or if `f` is not callable.
    """
    def __new__(cls, f: Callable[[str], object], level: str | None = None) -> Self: ...
    def drain(self) -> None:
        """Calls `f` with each line that waits, in order.

        At most 4 MiB of text wait. Beyond that the oldest lines are dropped, and a line of level
        `WARN` in their place says how many they were. Lines that are logged while `f` runs wait for
        the next time. What `f` raises goes to `sys.unraisablehook`, and the next line follows;
        KeyboardInterrupt and SystemExit pass through, and the other lines go on waiting.
        """

@final
class Val:
    """A WebAssembly value and its type, as explicit host functions get and give them.

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
        offs: The offset, which is the handle by which guests know the block.
        length: Its length in bytes.
    """
    def __new__(cls, offs: int, length: int) -> Self: ...
    @property
    def offset(self) -> int:
        """The offset, which is the handle by which guests know the block."""
    @property
    def length(self) -> int:
        """Its length in bytes."""
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

@final
class Engine:
    """An engine that is built in, and one of its compilers.

    `deterministic=True` makes instructions give the same bits on every machine where WebAssembly leaves the result
    open: a NaN that arithmetic makes is the positive canonical one, and an instruction of relaxed SIMD has one result.
    Code that computes with floats then runs several times slower. Clocks, randomness, time limits and the depth of
    recursion stay as they are. `extism.compare` and the pytest plug-in ask for it.

    Args:
        name: The engine, also with a compiler after a colon.
        compiler: The compiler; the engine's first if not given.
        deterministic: Whether results that WebAssembly leaves open are the same on every machine.

    Raises:
        extism.UnknownEngineError: If it is not built in; the text lists what is.
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
        """What the engine can do with this compiler, beyond running code."""
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Wasi:
    """What a plug-in's WASI is given. Nothing of the process is, unless it is said here.

    `Plugin(..., wasi=Wasi(args=["program", "-v"], stdout="capture"))` gives a guest two arguments,
    and what it writes to its standard output is then in `Plugin.stdout`. Folders are granted by
    `allowed_paths` of the manifest. Each instance starts with this afresh; a command, which is a
    plug-in with `_start`, gets a new instance for each call.

    Args:
        args: The arguments; by convention the first is the name of the program.
        env: The environment variables.
        stdin: What can be read from standard input: a `str` (as UTF-8), bytes or another buffer.
        stdout: Where standard output goes: `"discard"`, `"inherit"` (to that of the process, not to
            `sys.stdout`) or `"capture"`. If not given, it is discarded, or inherited if the
            environment variable `EXTISM_ENABLE_WASI_OUTPUT` is set. A stream of the process that is
            full, as a pipe that nobody reads, makes the call wait, and no time limit ends that.
        stderr: Where standard error goes, likewise.
        capture_limit: The most bytes of each stream that are kept of one call. What does not fit is
            lost, and the write fails with `EIO`.
        clock: Makes time the same in every run: nanoseconds since 1970, as of `time.time_ns()`. Each
            look at a clock moves it by a microsecond, and waiting (which takes real time) by the
            time waited for. If not given, time is real.
        seed: Makes randomness the same in every run. If not given, it is real.
        max_descriptors: The most descriptors that the guest has open at a time, with the three
            standard streams and the allowed folders.

    Raises:
        extism.ArgumentError: If a stream goes to something else. Texts that no C string can hold
            are refused when the plug-in is made.
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
        """What can be read from standard input."""

def below_engine_handlers(function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Calls a function that changes handlers of fatal signals, as if those of engines were not there.

    A guest of another thread that traps in this moment ends the process, as it would in any host.
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

    Each engine gets a fresh instance, on which the calls follow each other. Outputs, failures, log
    lines, variables and captured output count; time and memory are reported only. Log lines come
    into the report whatever the log of the process is, and go there as well. Every engine is deterministic,
    whatever `engines` says, as with `extism.Engine(..., deterministic=True)`.

    Args:
        plugin: What `Plugin` takes: a path, text, bytes, or a manifest.
        calls: The calls, each the name of a function, or a pair of a name and an input; or one such pair.
        engines: The engines, each as `engine=` of `Plugin` has it; all that are built in, with all
            their compilers, if not given. The same one twice shows what differs from run to run.
        wasi: As for `Plugin`. Fix `clock` and `seed` if the plug-in looks at them.
        config: As for `Plugin`.
        functions: As for `Plugin`; every engine calls the same ones.
        timeout: How long each call may take, in seconds; `timeout_ms` of the manifest if not given.
        log_level: The lowest level of log lines that are compared; guests are told it.
        unsupported: Whether an engine that has not what the plug-in needs is a `"difference"`, or
            left out of the verdict: `"ignore"`. If no engine has it, there is nothing to leave out.
        http_client: As for `Plugin`.
        http_response_headers: As for `Plugin`.

    Returns:
        An `extism.Report`. Failures of calls, and engines that cannot run the plug-in, are in it.

    Raises:
        extism.ArgumentError: If there is no call or no engine, or if an argument is wrong.
        extism.ManifestError: If the manifest cannot be read, or the configuration is wrong.
        extism.UnknownEngineError: If an engine is not built in.
        extism.UnknownFunctionError: If no engine finds a function that is called.
    """
def abandon(is_so: bool) -> None:
    """Says whether calls on other threads than the main one have to end. For `extism._ending`."""
def unwatched() -> None:
    """Says that nobody looks after the main thread any more. For `extism._ending`."""
def inspect(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    *,
    wasi: bool | Wasi = False,
    functions: Iterable[Function] | None = None,
) -> Inspection:
    """Reads what a plug-in consists of, without compiling or running it. Its imports need not be answered.

    Args:
        plugin: What `Plugin` takes: a path, text, bytes, or a manifest.
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
    """Tells where compiled code is kept for the next process, unless `cache=` says otherwise.

    Returns:
        The folder, as a `pathlib.Path`, which need not be there; `None` if the cache is off.

    Raises:
        extism.ArgumentError: If the configuration that `EXTISM_CACHE_CONFIG` names is wrong.
    """
def default_limits() -> dict[str, int]:
    """The limits that hold if nobody says others, by name."""
def feature_names() -> frozenset[str]:
    """Every WebAssembly feature that `Limits(forbidden=...)` can name."""
def strict_limits() -> dict[str, int]:
    """The limits for the code of strangers, by name."""
def engines() -> list[Engine]:
    """Lists the engines that are built in, in the order of preference.

    Returns:
        Each engine with each of its compilers, the default of each engine first.
    """
def extism_version() -> str:
    """Tells the version of the runtime.

    Returns:
        The version of polyextism.
    """
def follow_logging(level: str) -> None:
    """Has guests log lines from this level on for `logging`, unless something else was set. For `extism._logging`."""
def begin_to_end() -> None:
    """The interpreter begins to end, on this thread: others enter guests no more, and come out. Python calls it when
    the threads that it waits for are over.
    """
def before_fork() -> None:
    """Python calls it before a fork: other threads come out of what a fork must not interrupt."""
def after_fork() -> None:
    """Python calls it after a fork, in the parent."""
def forked() -> None:
    """Tells that this process is a new one, with one thread only. Python calls it after a fork."""
def make_until(ticket: Ticket, make: Callable[[], _T]) -> _T:
    """Calls `make`, which compiles a plug-in; cancelling `ticket` ends the wait for that. For `extism._async`."""
def manifest_schema() -> str:
    """The JSON Schema of manifests, as text."""
def set_log_file(file: str | os.PathLike[str], level: str | None = None) -> None:
    """Sends the lines of guests to a file, from now on.

    This is for the whole process. It can be set again at any time: the new setting replaces the
    old one, also one of `set_log_custom`. Until something is set, the module `logging` decides: guests
    log what the logger `extism` takes, and see the level `off` if it has no handler. A line looks so:

    `2026-11-22T05:37:48.121076Z ERROR extism::pdk: text plugin="<id>"`

    What is logged also goes to the logger `extism` of the module `logging`, if that or one above it
    has a handler: the text alone, with the id of the plug-in in the attribute `plugin_id`.

    A line that cannot be written is lost, and the first such failure goes to `sys.unraisablehook`;
    the guest does not notice.

    Args:
        file: The path of a file, which is made if it is missing, and appended to. The text
            `"stdout"` is the standard output of the process, `"stderr"` or `"-"` its standard error;
            neither is Python's `sys.stdout`, which has a buffer of its own.
        level: The lowest level that is logged: `trace`, `debug`, `info`, `warn` or `error`, in
            upper or lower case. `off` ends logging. `error` if not given.

    Raises:
        extism.ArgumentError: If there is no such level, or if the file cannot be opened; then the
            `OSError` is the cause. The setting stays as it was.
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
    """As `CompiledPlugin`, with host functions that a stopwatch counts."""
