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
    """A module of a manifest, as a `dict`. It has one of `path`, `data` and `url`."""

    path: str | os.PathLike[str]
    """The file."""
    data: str | Buffer
    """The bytes, or text in base64."""
    url: str
    """The URL to download it from."""
    method: str
    """The HTTP method of a `url`."""
    headers: Mapping[str, str]
    """HTTP headers of a `url`."""
    name: str
    """The name by which other modules import it."""
    hash: str
    """The SHA-256 of its bytes, in hexadecimal digits."""


class MemoryDict(TypedDict, total=False):
    """Limits on the memory of a plug-in, as a `dict` with the fields of `MemoryOptions`."""

    max_pages: int
    max_http_response_bytes: int
    max_var_bytes: int


class ManifestDict(TypedDict, total=False):
    """A manifest as a `dict` with the fields of `Manifest`."""

    wasm: Sequence[WasmDict]
    memory: MemoryDict
    config: Mapping[str, str]
    allowed_hosts: Sequence[str]
    allowed_paths: Mapping[str, str]
    timeout_ms: int


@dataclass(frozen=True, repr=False)
class Wasm:
    """A module of a manifest. Make it with `Wasm.file`, `Wasm.data` or `Wasm.url`.

    Attributes:
        source: The pair of `"path"`, `"data"` or `"url"` and its value.
        name: The name by which other modules import it.
        hash: The SHA-256 of its bytes in hexadecimal digits. It is checked.
        method: The HTTP method of a `url`. The default is GET.
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
        """Makes a module from a file.

        Args:
            path: The path of a file in the binary or the text format. It is read when the plug-in is made.
            name: The name by which other modules import it.
            hash: The SHA-256 of its bytes, as 64 hexadecimal digits.

        Returns:
            The module.
        """
        return cls(("path", path), name, hash)

    @classmethod
    def data(
        cls, data: str | Buffer, *, name: str | None = None, hash: str | None = None
    ) -> Wasm:
        """Makes a module from bytes or text.

        Args:
            data: The module in the binary or the text format.
            name: The name by which other modules import it.
            hash: The SHA-256 of its bytes, as 64 hexadecimal digits.

        Returns:
            The module.
        """
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
        """Makes a module from a URL. It is downloaded when the plug-in is made.

        Args:
            url: An `http` or `https` URL.
            method: The HTTP method. The default is GET.
            headers: HTTP headers of the request.
            name: The name by which other modules import it.
            hash: The SHA-256 of its bytes, as 64 hexadecimal digits.

        Returns:
            The module.
        """
        return cls(("url", url), name, hash, method, headers)

    def __manifest__(self) -> dict[str, Any]:
        key, value = self.source
        rest = {name: getattr(self, name) for name in ("name", "hash", "method", "headers")}
        return _given({key: value, **rest})


@dataclass(frozen=True)
class MemoryOptions:
    """Limits on the memory of a plug-in. With `None` the default applies.

    Attributes:
        max_pages: Pages of 64 KiB of all memories together.
        max_http_response_bytes: Bytes of an HTTP response.
        max_var_bytes: Bytes of all variables together. 0 disables variables.
    """

    max_pages: int | None = None
    max_http_response_bytes: int | None = None
    max_var_bytes: int | None = None

    def __manifest__(self) -> dict[str, Any]:
        return _given(vars(self))


@dataclass(frozen=True)
class Manifest:
    """The modules of a plug-in and what it may use, for `Plugin` and `CompiledPlugin`.

    Attributes:
        wasm: The modules. The main module is the one named `main`, or else the last one.
        memory: Limits on memory.
        config: The configuration that guests can read.
        allowed_hosts: Globs of the hosts that guests may send HTTP requests to. By default there are none.
        allowed_paths: Host folders that a WASI guest may open, and their paths in the guest. `ro:` before a host
            folder makes it read-only.
        timeout_ms: The time limit of a call, in milliseconds.
    """

    wasm: Sequence[Wasm]
    memory: MemoryOptions = MemoryOptions()
    config: Mapping[str, str] = field(default_factory=dict)
    allowed_hosts: Sequence[str] | None = None
    allowed_paths: Mapping[str, str] | None = None
    timeout_ms: int | None = None

    @staticmethod
    def schema() -> dict[str, Any]:
        """Returns the JSON Schema of manifests.

        Returns:
            The schema (draft 2020-12) as a dictionary.
        """
        schema: dict[str, Any] = json.loads(manifest_schema())
        return schema

    def __manifest__(self) -> dict[str, Any]:
        return _given(vars(self))


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
