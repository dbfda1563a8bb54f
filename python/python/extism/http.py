"""Requests and responses for `http_client=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["HttpRequest", "HttpResponse"]


@dataclass(frozen=True)
class HttpRequest:
    """A request that an `http_client=` is to send.

    It has been checked, and its host is allowed.

    Args:
        method: The method, in upper case.
        url: The URL, without a fragment and without user information, which is a header.
        headers: The headers, with names in lower case. `host` and what frames the body are left to
            the client.
        body: The body, which may be empty.
        timeout: The seconds that are left for the request.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float


@dataclass(frozen=True)
class HttpResponse:
    """A response that an `http_client=` returns.

    Return a redirect as it is: its target is checked and requested in turn.

    Args:
        status: The status, such as 200.
        headers: The headers, with names in any case.
        body: The body, decoded.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
