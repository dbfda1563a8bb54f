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

    As text it is `module!name`, or `module!function[index]` without a name.
    """

    module: str
    """The name of the module in the plug-in; a single one is `main`."""

    function: str | None
    """The name of the function, as the module has it in its name section, if it has."""

    index: int
    """The index of the function in its module, imported functions included."""

    def __str__(self) -> str:
        if self.function is None:
            return f"{self.module}!function[{self.index}]"
        return f"{self.module}!{self.function}"


class Error(Exception):
    """Something about a plug-in failed; its text says what. The base of all errors.

    Where Python code failed, in a host function, that exception is the `__cause__`.
    """

    kind: ClassVar[str] = "error"
    """The kind of the failure; each subclass has its own."""

    code: int | None = None
    """The return code or exit code of the guest, if it gave one that is not 0."""

    trap: str | None = None
    """The name of the trap, such as `"unreachable"`."""

    guest_text: bytes | None = None
    """The error text exactly as the guest set it, if it set one: it need not be UTF-8."""

    backtrace: tuple[Frame, ...] | None = None
    """The functions of guests that were running, the innermost first, at most 20; `None` if none
    was, or if the engine cannot tell. Tracebacks show it as a note."""

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
    """The guest ended itself with an exit code other than 0, which is `code`."""

    kind = "exit"


class GuestError(Error):
    """The guest set an error text, which is the text of the exception."""

    kind = "guest"


class HostFunctionError(Error):
    """A host function failed. What it raised is the `__cause__`."""

    kind = "host-function"


class MemoryLimitError(Error):
    """The memory limit of the plug-in does not allow what was asked."""

    kind = "memory-limit"


class OutOfFuelError(Error):
    """The call used up its fuel."""

    kind = "out-of-fuel"


class ReturnCodeError(Error):
    """The function returned a code other than 0, which is `code`, and set no error text."""

    kind = "return-code"


class TimeoutError(Error, builtins.TimeoutError):
    """The deadline of the call has passed."""

    kind = "timeout"


class TrapError(Error):
    """The guest trapped; `trap` says how."""

    kind = "trap"


# What the host was given is wrong.


class ArgumentError(Error, TypeError):
    """An argument has no valid meaning."""

    kind = "argument"


class ClosedError(Error):
    """A plug-in was used after it was closed, or a `CurrentPlugin` outside of its call."""

    kind = "closed"


class InvalidModuleError(Error):
    """The bytes are not a WebAssembly module that can be run."""

    kind = "invalid-module"


class LinkError(Error):
    """An import cannot be resolved, or modules do not fit together."""

    kind = "link"


class ManifestError(Error):
    """The manifest is wrong, or a source that it names cannot be read."""

    kind = "manifest"


class ReentrantError(Error):
    """A plug-in was called by a host function that it called itself."""

    kind = "reentrant"


class UnknownEngineError(Error):
    """No engine of that name is built in."""

    kind = "unknown-engine"


class UnknownFunctionError(Error):
    """The plug-in has no such function that can be called."""

    kind = "unknown-function"


# The engine cannot.


class EngineError(Error):
    """The engine itself failed."""

    kind = "engine"


class EnginePanicError(EngineError):
    """The engine panicked, which is a defect of it. The plug-in in which it did cannot be used any more;
    others can."""

    kind = "engine-panic"


class UnsupportedError(Error):
    """The engine, or this build, has no such power."""

    kind = "unsupported"


_ALL: Final[tuple[type[Error], ...]] = (*Error.__subclasses__(), EnginePanicError)

CLASSES: Final[dict[str, type[Error]]] = {cls.kind: cls for cls in _ALL}
"""The class of each kind."""
