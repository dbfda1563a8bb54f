"""Requests and responses for `http_client=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["HttpRequest", "HttpResponse"]


@dataclass(frozen=True)
class HttpRequest:
    """A request that an `http_client=` has to send.

    It has been checked, and its host is allowed.

    Args:
        method: The method, in upper case.
        url: The URL, without a fragment and without user information. User information is in a header.
        headers: The headers, with names in lower case. The client adds `host` and the headers that frame the body.
        body: The body. It may be empty.
        timeout: The time that is left for the request, in seconds.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float


@dataclass(frozen=True)
class HttpResponse:
    """A response that an `http_client=` returns.

    Return redirects as they are. The target is checked and requested next.

    Args:
        status: The status, such as 200.
        headers: The headers. The case of names does not matter.
        body: The decoded body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
