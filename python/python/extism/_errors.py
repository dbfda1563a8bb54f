"""The exceptions: `Error`, and one subclass for each kind of failure.

Three families: the guest failed while it ran, what the host was given is wrong, the engine cannot.
Which failure has which kind is decided in Rust; `CLASSES` is how it finds the class.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID


@dataclass(frozen=True)
class Frame:
    """A function of a guest that was running when a call failed.

    Its text is `module!name`, or `module!function[index]` if it has no name.
    """

    module: str
    """The name of the module in the plug-in. A single module is `main`."""

    function: str | None
    """The name of the function from the name section of the module, or `None`."""

    index: int
    """The index of the function in its module, imported functions included."""

    def __str__(self) -> str:
        if self.function is None:
            return f"{self.module}!function[{self.index}]"
        return f"{self.module}!{self.function}"


class Error(Exception):
    """The base class of all errors. Its text says what failed.

    If a host function failed, its exception is the `__cause__`.
    """

    kind: ClassVar[str] = "error"
    """The kind of the failure. Each subclass has its own."""

    code: int | None = None
    """The return code or exit code of the guest, if it is not 0."""

    trap: str | None = None
    """The name of the trap, such as `"unreachable"`."""

    guest_text: bytes | None = None
    """The error text as bytes, if the guest set one. It need not be UTF-8."""

    backtrace: tuple[Frame, ...] | None = None
    """The running functions of guests, the innermost first, at most 20. `None` if there was none, or if the engine
    has no backtraces. Tracebacks show it as a note."""

    plugin_id: UUID | None = None
    """The id of the plug-in, if the failure happened in a call."""

    function: str | None = None
    """The function that was called, if the failure happened in a call."""

    item: int | None = None
    """The position of the item, from 0, if the failure happened in a `map` or `batch` of a function."""


# The guest failed.


class CancelledError(Error):
    """The call was cancelled."""

    kind = "cancelled"


class ExitError(Error):
    """The guest exited with a code other than 0. `code` has it."""

    kind = "exit"


class GuestError(Error):
    """The guest set an error text. It is the text of the exception."""

    kind = "guest"


class HostFunctionError(Error):
    """A host function failed. Its exception is the `__cause__`."""

    kind = "host-function"


class MemoryLimitError(Error):
    """The plug-in needs more memory than its limit allows."""

    kind = "memory-limit"


class OutOfFuelError(Error):
    """The call used up its fuel."""

    kind = "out-of-fuel"


class ReturnCodeError(Error):
    """The function returned a code other than 0 and set no error text. `code` has the code."""

    kind = "return-code"


class TimeoutError(Error, builtins.TimeoutError):
    """The call, or compiling, exceeded its time limit."""

    kind = "timeout"


class TrapError(Error):
    """The guest trapped. `trap` has the name of the trap."""

    kind = "trap"


# What the host was given is wrong.


class ArgumentError(Error, TypeError):
    """An argument has a wrong type or value."""

    kind = "argument"


class ClosedError(Error):
    """A plug-in was used after it was closed, or a `CurrentPlugin` outside of its call."""

    kind = "closed"


class InvalidModuleError(Error):
    """A module is not valid WebAssembly, or exceeds a limit."""

    kind = "invalid-module"


class LinkError(Error):
    """An import cannot be resolved, or the types of modules do not match."""

    kind = "link"


class ManifestError(Error):
    """The manifest is wrong, or one of its modules cannot be read."""

    kind = "manifest"


class ReentrantError(Error):
    """A host function called the plug-in that called it."""

    kind = "reentrant"


class UnknownEngineError(Error):
    """No engine of that name is built in."""

    kind = "unknown-engine"


class UnknownFunctionError(Error):
    """The plug-in has no callable function of that name."""

    kind = "unknown-function"


# The engine cannot.


class EngineError(Error):
    """The engine itself failed."""

    kind = "engine"


class EnginePanicError(EngineError):
    """The engine panicked, which is a bug of the engine. You can no longer use the plug-in. Other plug-ins are not
    affected."""

    kind = "engine-panic"


class UnsupportedError(Error):
    """The engine or this build lacks a feature."""

    kind = "unsupported"


_ALL: Final[tuple[type[Error], ...]] = (*Error.__subclasses__(), EnginePanicError)

CLASSES: Final[dict[str, type[Error]]] = {cls.kind: cls for cls in _ALL}
"""The class of each kind."""
