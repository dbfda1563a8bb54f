"""Manifests as typed objects.

They hold what they are given. `Plugin` checks manifests of every form in one place, and raises mistakes as
`extism.ManifestError`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ._errors import ArgumentError
from ._native import manifest_schema

if TYPE_CHECKING:
    from typing_extensions import Buffer


class WasmDict(TypedDict, total=False):
    """A module of a manifest, as a `dict`. One of `path`, `data` and `url` says where it is."""

    path: str | os.PathLike[str]
    """The file."""
    data: str | Buffer
    """The bytes; text is base64."""
    url: str
    """Where it is fetched."""
    method: str
    """The HTTP method of a `url`."""
    headers: Mapping[str, str]
    """HTTP headers of a `url`."""
    name: str
    """The name by which other modules import it."""
    hash: str
    """The SHA-256 of its bytes, in hexadecimal digits."""


class MemoryDict(TypedDict, total=False):
    """Bounds on the memory of a plug-in, as a `dict`; `MemoryOptions` says what they are."""

    max_pages: int
    max_http_response_bytes: int
    max_var_bytes: int


class ManifestDict(TypedDict, total=False):
    """A manifest as a `dict`; `Manifest` says what its fields are."""

    wasm: Sequence[WasmDict]
    memory: MemoryDict
    config: Mapping[str, str]
    allowed_hosts: Sequence[str]
    allowed_paths: Mapping[str, str]
    timeout_ms: int


@dataclass(frozen=True, repr=False)
class Wasm:
    """A module of a manifest. `file`, `data` and `url` make one.

    Attributes:
        source: Which of the three it is, and that.
        name: The name by which other modules import it.
        hash: The SHA-256 of its bytes, in hexadecimal digits, which is checked.
        method: The HTTP method of a `url`; GET if not given.
        headers: HTTP headers of a `url`.
    """

    source: tuple[str, Any] = field(repr=False)
    name: str | None = None
    hash: str | None = None
    method: str | None = None
    headers: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        source: Any = self.source
        if not isinstance(source, tuple) or len(source) != 2:
            shown = f"{source!r:.60}"
            raise ArgumentError(
                f"Wasm({shown}): say what it is: Wasm.file(path), Wasm.data(bytes) or Wasm.url(url)"
            )

    def __repr__(self) -> str:
        key, value = self.source
        shown = f"<{len(value)} bytes>" if key == "data" else repr(value)
        rest = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in ("name", "hash", "method", "headers")
            if getattr(self, name) is not None
        )
        return f"Wasm.{'file' if key == 'path' else key}({shown}{rest})"

    @classmethod
    def file(
        cls, path: str | os.PathLike[str], *, name: str | None = None, hash: str | None = None
    ) -> Wasm:
        """A module from a file, a WebAssembly binary or text."""
        return cls(("path", path), name, hash)

    @classmethod
    def data(
        cls, data: str | Buffer, *, name: str | None = None, hash: str | None = None
    ) -> Wasm:
        """A module from its bytes, a WebAssembly binary, or from its text."""
        return cls(("data", data.encode() if isinstance(data, str) else data), name, hash)

    @classmethod
    def url(
        cls,
        url: str,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        hash: str | None = None,
    ) -> Wasm:
        """A module that is fetched."""
        return cls(("url", url), name, hash, method, headers)

    def __manifest__(self) -> dict[str, Any]:
        key, value = self.source
        rest = {name: getattr(self, name) for name in ("name", "hash", "method", "headers")}
        return _given({key: value, **rest})


@dataclass(frozen=True)
class MemoryOptions:
    """Bounds on the memory of a plug-in; `None` is the default of each.

    Attributes:
        max_pages: The most pages of 64 KiB that all memories may have together.
        max_http_response_bytes: The most bytes of an HTTP response.
        max_var_bytes: The most bytes of the variable store; 0 disables it.
    """

    max_pages: int | None = None
    max_http_response_bytes: int | None = None
    max_var_bytes: int | None = None

    def __manifest__(self) -> dict[str, Any]:
        return _given(vars(self))


@dataclass(frozen=True)
class Manifest:
    """The modules of a plug-in and what it may use; for `Plugin` and `CompiledPlugin`.

    Attributes:
        wasm: The modules. The main one is called `main`, or is the last.
        memory: Bounds on memory.
        config: The configuration that guests read.
        allowed_hosts: Globs of the hosts that guests may send HTTP requests to; none if not given.
        allowed_paths: Host folders that a WASI guest may open, and the paths by which it does; `ro:`
            before a host folder makes it read-only.
        timeout_ms: How long a call may take, in milliseconds.
    """

    wasm: Sequence[Wasm]
    memory: MemoryOptions = MemoryOptions()
    config: Mapping[str, str] = field(default_factory=dict)
    allowed_hosts: Sequence[str] | None = None
    allowed_paths: Mapping[str, str] | None = None
    timeout_ms: int | None = None

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of manifests in JSON, for editors and other programs."""
        schema: dict[str, Any] = json.loads(manifest_schema())
        return schema

    def __manifest__(self) -> dict[str, Any]:
        return _given(vars(self))


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
