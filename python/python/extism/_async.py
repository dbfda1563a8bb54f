"""Plug-ins in `asyncio`: calls that are awaited, and host functions that await.

A guest runs in a thread of an executor, so the event loop is never blocked. Whatever ends a task that awaits a call
ends the guest. What a host function awaits runs in the event loop of the call. It does not know what is called.

Invariants: cancelling a task cancels its own call and no other, and the task ends after its guest; a thread of an
executor waits for threads of executors of deeper calls only, so bounded executors cannot wait for each other.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ._errors import ArgumentError, ClosedError, TimeoutError
from ._native import WakeEvent, CompiledPlugin, CurrentPlugin, Plugin, Pool, Ticket, make_until, shown
from ._state import Config, Vars

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

__all__ = ["AsyncFunction", "AsyncPlugin", "AsyncPool", "awaiting"]

_T = TypeVar("_T")

_RETRY = 0.001
"""How often a guest that has to stop is told so, in seconds, until it has."""

_LOOK = 0.25
"""How often a guest that waits for its host function looks whether the event loop is still there, in seconds."""

_GRACE = 1.0
"""How long a host function may take to end when it is cancelled, in seconds."""

_LOOP: contextvars.ContextVar[asyncio.AbstractEventLoop | None]
_LOOP = contextvars.ContextVar("extism_loop", default=None)
_DEPTH: contextvars.ContextVar[int] = contextvars.ContextVar("extism_depth", default=0)


class _Executors:
    """The executors of the package: one for each depth of calls within calls."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._executors: list[ThreadPoolExecutor] = []

    def at(self, depth: int) -> ThreadPoolExecutor:
        with self._lock:
            while len(self._executors) <= depth:
                workers = min(32, (os.cpu_count() or 1) + 4)
                name = f"extism-{len(self._executors)}"
                self._executors.append(ThreadPoolExecutor(workers, thread_name_prefix=name))
            return self._executors[depth]


_EXECUTORS = _Executors()


async def call_async(
    plugin: Plugin,
    function_name: str,
    data: Any = b"",
    *,
    executor: ThreadPoolExecutor | None = None,
    **options: Any,
) -> Any:
    """Calls a function of a plug-in on a worker thread and awaits it.

    Args:
        plugin: The plug-in.
        function_name: The name of the function.
        data: Its input.
        executor: The executor that runs the call. The default is an executor of the package.
        **options: As for `Plugin.call`.

    Returns:
        The output as bytes, or the result of `parse`.

    Raises:
        Error: As for `Plugin.call`.
        asyncio.CancelledError: If the task is cancelled. The guest has stopped by then.
    """
    _check(options)
    ticket = Ticket()
    work = functools.partial(plugin._call_until, ticket, function_name, data, **options)
    return await _in_thread(work, ticket, executor)


_OPTIONS = frozenset({"parse", "host_context", "timeout", "fuel"})
"""The options of a call."""


def _check(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise TypeError(f"call() got an unexpected keyword argument '{name}'")


async def _in_thread(
    work: Callable[[], _T], ticket: Ticket | None, executor: ThreadPoolExecutor | None
) -> _T:
    """Runs `work` on a worker thread; if the task is cancelled, so is the call of `ticket`."""
    loop = asyncio.get_running_loop()
    depth = _DEPTH.get()
    context = contextvars.copy_context()
    context.run(_LOOP.set, loop)
    context.run(_DEPTH.set, depth + 1)
    future = (executor or _EXECUTORS.at(depth)).submit(context.run, work)
    finished: asyncio.Future[None] = loop.create_future()

    def tell(_: concurrent.futures.Future[_T]) -> None:
        try:
            loop.call_soon_threadsafe(_finish, finished)
        except RuntimeError:
            # The loop is closed: nobody awaits it.
            pass

    future.add_done_callback(tell)
    try:
        await finished
    except asyncio.CancelledError:
        if not future.cancel() and ticket is not None:
            await _stopped(future, ticket)
        raise
    return future.result()


def _finish(finished: asyncio.Future[None]) -> None:
    if not finished.done():
        finished.set_result(None)


async def _stopped(future: concurrent.futures.Future[Any], ticket: Ticket) -> None:
    """Waits until the guest of a call has stopped, whatever else is cancelled in the meantime."""
    while ticket.cancel() and not future.done():
        try:
            await asyncio.sleep(_RETRY)
        except asyncio.CancelledError:
            continue


# Host functions that await.


def awaiting(f: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Makes a plain host function of an `async` one.

    Args:
        f: The function. The guest waits until it is finished.

    Returns:
        A function that a guest can call.
    """

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        return _wait_for(f, args)

    return call


def _wait_for(f: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> Any:
    """Runs `f` in the event loop of the call, and waits for it on the thread of the guest."""
    loop = _LOOP.get()
    if loop is None or loop.is_closed() or asyncio._get_running_loop() is not None:
        # A plain call, or one that blocks the very loop.
        loop = _BACKGROUND.loop()
    return _Awaited(f, args, loop).result()


class _Awaited:
    """What a host function awaits, while the thread of the guest waits for it."""

    def __init__(
        self, f: Callable[..., Awaitable[Any]], args: tuple[Any, ...], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        # What is to be done on the thread of the guest.
        self._requests: deque[Callable[[], None]] = deque()
        self._wake_event = WakeEvent()
        self._task: asyncio.Task[Any] | None = None
        self._is_over = False
        self._f = f
        self._args = tuple(_Remote(arg, self._on_guest) if isinstance(arg, CurrentPlugin) else arg for arg in args)
        # With what earlier host functions of the call have set.
        loop.call_soon_threadsafe(self._start, context=contextvars.copy_context())

    def _start(self) -> None:
        self._task = self._loop.create_task(_run(self._f, self._args))
        self._task.add_done_callback(lambda _: self._wake_event.set())

    def result(self) -> Any:
        """Waits, and does what is asked of the thread of the guest."""
        try:
            return self._result()
        finally:
            self._is_over = True

    def _result(self) -> Any:
        overdue: BaseException | None = None
        end = math.inf
        while not self._is_done() and time.monotonic() < end and not self._loop.is_closed():
            try:
                self._wake_event.wait(_LOOK, overdue is None)
            except BaseException as why:
                # The call has to end, or Ctrl-C.
                overdue, end = why, time.monotonic() + _GRACE
                self._cancel()
            while self._requests:
                self._requests.popleft()()
        if overdue is not None:
            raise overdue
        if self._task is None or not self._task.done():
            raise RuntimeError("the event loop was closed while a host function was running in it")
        return self._task.result()

    def _is_done(self) -> bool:
        return self._task is not None and self._task.done()

    def _cancel(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._cancel_task)
        except RuntimeError:
            # The loop is closed.
            pass

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _on_guest(self, work: Callable[[], _T]) -> _T:
        """Runs something on the thread of the guest, which is waiting for such a thing."""
        done: concurrent.futures.Future[_T] = concurrent.futures.Future()

        def request() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        self._requests.append(request)
        self._wake_event.set()
        while True:
            try:
                return done.result(timeout=_GRACE)
            except concurrent.futures.TimeoutError:
                if done.done():
                    raise
                if self._is_over:
                    raise ClosedError("the call of the host function is over") from None


async def _run(f: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> Any:
    return await f(*args)


class _Remote:
    """A `CurrentPlugin` in an event loop: each use of it is one on the thread of its guest."""

    def __init__(self, plugin: CurrentPlugin, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._plugin = plugin
        self._run = run

    def __getattr__(self, name: str) -> Any:
        found = self._run(lambda: getattr(self._plugin, name))
        if isinstance(found, Vars | Config):
            return _RemoteMapping(found, self._run)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._run(lambda: found(*args, **kwargs))

    def __repr__(self) -> str:
        return "<extism.CurrentPlugin in an event loop>"


class _RemoteMapping(MutableMapping[str, Any]):
    """Variables or configuration of a `_Remote`."""

    def __init__(self, mapping: Any, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._mapping = mapping
        self._run = run

    def __getitem__(self, key: str) -> Any:
        return self._run(lambda: self._mapping[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self._run(lambda: self._mapping.__setitem__(key, value))

    def __delitem__(self, key: str) -> None:
        self._run(lambda: self._mapping.__delitem__(key))

    def __iter__(self) -> Iterator[str]:
        keys: list[str] = self._run(lambda: list(self._mapping))
        return iter(keys)

    def __len__(self) -> int:
        length: int = self._run(lambda: len(self._mapping))
        return length


class _Background:
    """An event loop of its own, for plain calls whose host functions await."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="extism-async", daemon=True).start()
            return self._loop


_BACKGROUND = _Background()

if hasattr(os, "register_at_fork"):
    # Their threads are gone in a child.
    os.register_at_fork(after_in_child=_EXECUTORS.forget)
    os.register_at_fork(after_in_child=_BACKGROUND.forget)


def _check_executor(executor: object) -> None:
    if executor is not None and not isinstance(executor, ThreadPoolExecutor):
        found = type(executor).__name__
        raise ArgumentError(f"executor: expected a ThreadPoolExecutor, found a value of type {found}")


class _PerLoop(Generic[_T]):
    """A lock or the like for each event loop: one that tasks have waited for belongs to their loop for ever."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._of: dict[asyncio.AbstractEventLoop, _T] = {}

    def own(self) -> _T:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        found = self._of.get(loop)
        if found is None:
            for other in [other for other in list(self._of) if other.is_closed()]:
                self._of.pop(other, None)
            found = self._of.setdefault(loop, self._make())
        return found


class AsyncPlugin:
    """A plug-in whose calls are awaited.

    >>> async with extism.AsyncPlugin("count_vowels.wasm") as plugin:
    ...     await plugin.call("count_vowels", "Hello, World!")

    It is compiled on a worker thread when you enter it or make the first call. Calls run one at a time, first come,
    first served. Cancelling the task of a call, for example by `asyncio.timeout`, cancels the guest and waits until
    it has stopped. Host functions that are `async` run in the event loop of the caller.

    Args:
        plugin: A `Plugin`, or the argument for one.
        wasi: As for `Plugin`.
        config: As for `Plugin`.
        functions: As for `Plugin`.
        executor: The `ThreadPoolExecutor` that runs guests. The default is an executor of the package.
        **options: Further arguments of `Plugin`.

    Raises:
        ArgumentError: If `executor` is not a `ThreadPoolExecutor`, or if a `Plugin` comes with arguments that were
            decided when it was made.
    """

    def __init__(
        self,
        plugin: Any,
        wasi: Any = None,
        config: Any = None,
        functions: Any = None,
        *,
        executor: ThreadPoolExecutor | None = None,
        **options: Any,
    ) -> None:
        _check_executor(executor)
        given = {"wasi": wasi, "config": config, "functions": functions}
        options |= {name: value for name, value in given.items() if value is not None}
        if isinstance(plugin, Plugin) and options:
            names = ", ".join(f"{name}=" for name in options)
            raise ArgumentError(f"{names} is decided when a Plugin is made; leave it out")
        self._plugin: Plugin | None = plugin if isinstance(plugin, Plugin) else None
        self._source = plugin
        self._options = options
        self._executor = executor
        self._locks = _PerLoop(asyncio.Lock)

    async def start(self) -> Plugin:
        """Makes the plug-in, unless it was made before.

        Returns:
            The `Plugin`.

        Raises:
            Error: As for `Plugin`.
        """
        async with self._locks.own():
            return await self._made()

    async def _made(self) -> Plugin:
        if self._plugin is None:
            ticket = Ticket()
            make = functools.partial(Plugin, self._source, **self._options)
            self._plugin = await _in_thread(functools.partial(make_until, ticket, make), ticket, self._executor)
        return self._plugin

    @property
    def plugin(self) -> Plugin | None:
        """The `Plugin`, or `None` before it is made."""
        return self._plugin

    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> bytes: ...
    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        parse: None,
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> memoryview: ...
    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        parse: Callable[[bytes], _T],
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> _T: ...
    async def call(self, function_name: str, data: Any = b"", **options: Any) -> Any:
        """Calls a function of the plug-in.

        Args:
            function_name: The name of the exported function.
            data: The input: a `str` (as UTF-8), bytes or another buffer.
            **options: `parse`, `host_context`, `timeout` and `fuel`, as for `Plugin.call`.

        Returns:
            The result of `parse`, or the output as bytes.

        Raises:
            Error: As for `Plugin.call`.
        """
        _check(options)
        async with self._locks.own():
            plugin = await self._made()
            return await call_async(plugin, function_name, data, executor=self._executor, **options)

    def function(self, name: str, *, takes: Any = None, gives: Any = None) -> AsyncFunction:
        """Returns a function of the plug-in as an object that you call and await.

        Args:
            name: The name of the exported function.
            takes: The type of the argument, as for `Plugin.function`.
            gives: The type of the result, as for `Plugin.function`.

        Returns:
            The function. Its first call raises an error if the plug-in does not have it.

        Raises:
            ArgumentError: If no codec is known for a type.
        """
        return AsyncFunction(self, name, takes, gives)

    async def close(self) -> None:
        """Waits for the running call, then frees the plug-in."""
        async with self._locks.own():
            if self._plugin is not None:
                await _in_thread(self._plugin.close, None, self._executor)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "not made yet" if self._plugin is None else repr(self._plugin)
        return f"<extism.AsyncPlugin: {state}>"


class AsyncFunction:
    """A function of an `AsyncPlugin`. `AsyncPlugin.function` makes it.

    Args:
        plugin: The plug-in.
        name: The name of the function.
        takes: The type of the argument.
        gives: The type of the result.

    Raises:
        ArgumentError: If no codec is known for a type.
    """

    def __init__(self, plugin: AsyncPlugin, name: str, takes: Any = None, gives: Any = None) -> None:
        from ._typed import gives_type, takes_type

        self.plugin = plugin
        self.name = self.__name__ = name
        self._write = takes_type(takes)
        self._read = None if gives is None else gives_type(gives)

    async def __call__(self, data: Any = b"", **options: Any) -> Any:
        """Calls the function.

        Args:
            data: The input, or a value of the type `takes`.
            **options: As for `AsyncPlugin.call`.

        Returns:
            The output as bytes, or a value of the type `gives`.

        Raises:
            Error: As for `Plugin.call`.
        """
        if self._read is not None:
            options["parse"] = self._read
        return await self.plugin.call(self.name, self._write(data), **options)

    def __repr__(self) -> str:
        return f"<extism.AsyncFunction {self.name} of {self.plugin!r}>"


def _is_time(timeout: object) -> bool:
    """Whether it is a time that event loops take, which count in floats."""
    return isinstance(timeout, int | float) and (0 <= timeout <= sys.float_info.max or timeout == math.inf)


class AsyncPool:
    """A bounded number of instances of one compiled plug-in, for tasks. First come, first served.

    >>> pool = extism.AsyncPool(extism.CompiledPlugin("count_vowels.wasm"), max_instances=4)
    >>> await pool.call("count_vowels", "Hello, World!")
    >>> async with pool.get() as plugin:
    ...     await plugin.call("count_vowels", "Hello, World!")

    Args:
        compiled: The `CompiledPlugin` to make instances of.
        max_instances: The largest number of instances. The default is the number of threads that the machine can
            run at once.
        reuse: Whether a returned instance is lent again, as for `Pool`.
        executor: The `ThreadPoolExecutor` that runs guests. The default is an executor of the package.

    Raises:
        ArgumentError: If an argument is wrong, such as `max_instances` less than 1.
    """

    def __init__(
        self,
        compiled: CompiledPlugin,
        max_instances: int | None = None,
        reuse: bool = False,
        *,
        executor: ThreadPoolExecutor | None = None,
    ) -> None:
        _check_executor(executor)
        self._pool = Pool(compiled, max_instances, reuse)
        places = self._pool.max_instances
        # In several loops at a time, those that have a place wait in their threads for an instance.
        self._places = _PerLoop(lambda: asyncio.Semaphore(places))
        self._executor = executor

    @property
    def max_instances(self) -> int:
        """The largest number of instances."""
        return self._pool.max_instances

    @property
    def instances(self) -> int:
        """The number of instances now, lent or idle."""
        return self._pool.instances

    @asynccontextmanager
    async def get(self, timeout: float | None = None) -> AsyncIterator[AsyncPlugin]:
        """Lends an instance, in `async with`.

        Args:
            timeout: How long to wait for an instance, in seconds. By default there is no limit.

        Returns:
            An `AsyncPlugin`. It is returned to the pool at the end of the block.

        Raises:
            TimeoutError: If no instance was returned in time.
            Error: As for `Pool.get`.
        """
        places = self._places.own()
        await self._take(places, timeout)
        try:
            plugin = await _in_thread(self._pool.get, None, self._executor)
            try:
                yield AsyncPlugin(plugin, executor=self._executor)
            finally:
                # Before the next one is promised a place.
                self._submit(plugin.close)
        finally:
            places.release()

    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> bytes: ...
    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        parse: None,
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> memoryview: ...
    @overload
    async def call(
        self,
        function_name: str,
        data: str | Buffer = ...,
        *,
        parse: Callable[[bytes], _T],
        host_context: Any = ...,
        timeout: float | None = ...,
        fuel: float | None = ...,
    ) -> _T: ...
    async def call(self, function_name: str, data: Any = b"", **options: Any) -> Any:
        """Calls a function of an instance, which is lent for this call.

        Args:
            function_name: The name of the exported function.
            data: The input.
            **options: As for `AsyncPlugin.call`.

        Returns:
            As for `AsyncPlugin.call`.

        Raises:
            Error: As for `Plugin.call` and `Pool.get`.
        """
        _check(options)
        ticket = Ticket()

        def work() -> Any:
            with self._pool.get() as plugin:
                return plugin._call_until(ticket, function_name, data, **options)

        async with self._places.own():
            return await _in_thread(work, ticket, self._executor)

    async def _take(self, places: asyncio.Semaphore, timeout: float | None) -> None:
        if not (timeout is None or _is_time(timeout)):
            raise ArgumentError(f"timeout: expected a number of seconds, at least 0, found {shown(timeout)}")
        try:
            await asyncio.wait_for(places.acquire(), timeout)
        except asyncio.TimeoutError:
            message = f"none of the {self.max_instances} instances of the pool was given back within {timeout} s"
            raise TimeoutError(message) from None

    def _submit(self, work: Callable[[], None]) -> None:
        (self._executor or _EXECUTORS.at(_DEPTH.get())).submit(work)

    def __repr__(self) -> str:
        return f"<extism.AsyncPool of {self.instances} of {self.max_instances} instances>"
