import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar, final, overload
from uuid import UUID

from typing_extensions import Buffer, Self, disjoint_base

from ._compare import Report
from ._diagnostics import Diagnostics
from ._limits import Limits
from ._manifest import Manifest
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
    "Pool",
    "Stopwatch",
    "Store",
    "Val",
    "Wasi",
    "after_fork",
    "before_fork",
    "begin_to_end",
    "below_engine_handlers",
    "compare",
    "default_limits",
    "engines",
    "extism_version",
    "forked",
    "manifest_schema",
    "set_log_file",
    "strict_limits",
    "watched",
]

_T = TypeVar("_T")
_Manifest: TypeAlias = Manifest | Mapping[str, Any]

@disjoint_base
class CompiledPlugin:
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
        cache: bool | str | os.PathLike[str] | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> Self: ...
    @property
    def engine(self) -> str: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@disjoint_base
class Plugin:
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
    ) -> bytes: ...
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
    def function_exists(self, name: str) -> bool: ...
    def cancel_handle(self) -> CancelHandle: ...
    @property
    def vars(self) -> Vars: ...
    @property
    def config(self) -> Config: ...
    def update_config(self, config: Mapping[str, str | None]) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...
    @property
    def fuel_consumed(self) -> int | None: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes: ...
    @property
    def id(self) -> UUID: ...
    @property
    def engine(self) -> str: ...
    def __reduce__(self) -> NoReturn: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class Pool:
    def __new__(
        cls,
        compiled: CompiledPlugin,
        max_instances: int | None = None,
        reuse: bool = False,
    ) -> Self: ...
    def get(self, timeout: float | None = None) -> Plugin: ...
    @property
    def max_instances(self) -> int: ...
    @property
    def reuse(self) -> bool: ...
    @property
    def instances(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class CancelHandle:
    def cancel(self) -> bool: ...

@disjoint_base
class Function:
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
    def name(self) -> str: ...
    @property
    def namespace(self) -> str | None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __reduce__(self) -> str | tuple[Any, ...]: ...

@final
class CurrentPlugin:
    def memory(self, mem: Memory) -> memoryview: ...
    def alloc(self, size: int) -> Memory: ...
    def free(self, mem: Memory) -> None: ...
    def memory_at_offset(self, offs: int | Val) -> Memory: ...
    def return_bytes(self, output: Val, b: str | Buffer) -> None: ...
    def return_string(self, output: Val, s: str) -> None: ...
    def input_bytes(self, input: Val) -> bytes: ...
    def input_buffer(self, input: Val) -> memoryview: ...
    def input_string(self, input: Val) -> str: ...
    @property
    def vars(self) -> Vars: ...
    @property
    def config(self) -> Config: ...
    @property
    def time_remaining(self) -> float | None: ...
    @property
    def error(self) -> str | None: ...
    def set_error(self, text: str) -> None: ...
    def clear_error(self) -> None: ...
    def log(self, level: str, text: str) -> None: ...
    def host_context(self) -> Any: ...

@final
class Stopwatch:
    def __new__(cls) -> Self: ...
    def take(self) -> tuple[int, float]: ...

@final
class Store:
    def var(self, key: str) -> bytes | None: ...
    def set_var(self, key: str, value: str | Buffer) -> None: ...
    def remove_var(self, key: str) -> bool: ...
    def var_keys(self) -> list[str]: ...
    def config_dict(self) -> dict[str, str]: ...
    def config_value(self, key: str) -> str | None: ...
    def set_config(self, key: str, value: str) -> None: ...
    def update_config(self, config: Mapping[str, str | None]) -> None: ...

@disjoint_base
class CustomLog:
    def __new__(cls, f: Callable[[str], object], level: str | None = None) -> Self: ...
    def drain(self) -> None: ...

@final
class Val:
    t: ValType
    value: Any
    def __new__(cls, t: ValType, v: Any) -> Self: ...
    def __eq__(self, value: object, /) -> bool: ...

@final
class Memory:
    def __new__(cls, offs: int, length: int) -> Self: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

@final
class Engine:
    def __new__(
        cls, name: str, compiler: str | None = None, *, deterministic: bool = False
    ) -> Self: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def compiler(self) -> str: ...
    @property
    def compilers(self) -> tuple[str, ...]: ...
    @property
    def deterministic(self) -> bool: ...
    @property
    def capabilities(self) -> frozenset[str]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Wasi:
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
    def args(self) -> list[str]: ...
    @property
    def env(self) -> dict[str, str]: ...
    @property
    def stdin(self) -> bytes: ...

def below_engine_handlers(function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T: ...
def compare(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    calls: Iterable[str | tuple[str, str | Buffer]],
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
) -> Report: ...
def default_limits() -> dict[str, int]: ...
def strict_limits() -> dict[str, int]: ...
def engines() -> list[Engine]: ...
def extism_version() -> str: ...
def begin_to_end() -> None: ...
def before_fork() -> None: ...
def after_fork() -> None: ...
def forked() -> None: ...
def manifest_schema() -> str: ...
def set_log_file(file: str | os.PathLike[str], level: str | None = None) -> None: ...
def watched(
    plugin: str | Buffer | os.PathLike[str] | _Manifest,
    stopwatch: Stopwatch,
    wasi: bool | Wasi,
    functions: Iterable[Function] | None,
    *,
    engine: str | Engine | None,
    http_client: Callable[[HttpRequest], HttpResponse] | None,
    http_response_headers: bool,
) -> CompiledPlugin: ...
