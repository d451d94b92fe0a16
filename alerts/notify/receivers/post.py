"""Sends one HTTP request, with limits on everything that a hostile or broken receiver controls."""

import http.client
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from ssl import SSLContext

import requests
import urllib3

from exporter.core.abortable import AbortableConnections
from exporter.core.http_client import AbortableAdapter, causes

# The part of a response that is read: a refusal explains itself in a sentence or two.
MAX_RESPONSE_BYTES = 2_000
_LATE = "no complete answer in time"


@dataclass(frozen=True, slots=True)
class Message:
    """A request. URL, headers and body may contain secrets, so that `repr` shows none of them."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "POST"
    # The part of the response that is read whatever its status, bytes.
    max_response_bytes: int = 0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response with the beginning of its body."""

    status: int
    retry_after: str | None = None
    text: str = ""


class NoResponse(Exception):
    """No response, or not HTTP. Whether the message arrived is unknown. The text contains no URL."""


def post(
    message: Message, timeout: float, connections: AbortableConnections, tls_context: SSLContext | None = None
) -> HttpResponse:
    """Send the message; ends within `timeout` seconds, or when `connections` are aborted.

    `tls_context` is as in `exporter.core.http_client`.

    Only name resolution, which cannot be interrupted, may take longer.
    Raises: NoResponse.
    """
    abort_timer = threading.Timer(timeout, connections.abort)
    abort_timer.daemon = True
    abort_timer.start()
    try:
        with closing(connections), closing(AbortableAdapter(connections, tls_context)) as adapter:
            response = _exchange(adapter, message, timeout)
        # http.client treats headers that end early as complete, also when the connection was aborted.
        if not connections.is_aborted:
            return response
        failure = NoResponse(_LATE)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        failure = NoResponse(_LATE if connections.is_aborted else _reason(error))
    finally:
        abort_timer.cancel()
    raise failure  # not chained: the traceback would keep half-open sockets alive


def _exchange(adapter: AbortableAdapter, message: Message, timeout: float) -> HttpResponse:
    headers = {
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "outbox-exporter",
        **message.headers,
    }
    prepared = requests.Request(message.method, message.url, headers, data=message.body).prepare()
    with closing(adapter.open(prepared, timeout)) as response:
        return HttpResponse(response.status, response.headers.get("Retry-After"), _beginning(response, message))


def _beginning(response: urllib3.BaseHTTPResponse, message: Message) -> str:
    """The beginning of the body, of a refusal or as the message asks; empty when it cannot be read."""
    refused = response.status >= http.HTTPStatus.BAD_REQUEST
    length = max(message.max_response_bytes, MAX_RESPONSE_BYTES if refused else 0)
    if not length or "Content-Encoding" in response.headers:
        return ""
    try:
        raw = response.read(length, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return bytes(raw).decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """The innermost cause in the system's words, without URLs."""
    found = tuple(causes(error))
    for cause in reversed(found):
        if isinstance(cause, TimeoutError):
            return "no answer in time"
        if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "the connection ended before the answer"
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
            return cause.strerror or type(cause).__name__
    return f"no exchange in HTTP possible ({type(found[-1]).__name__})"
