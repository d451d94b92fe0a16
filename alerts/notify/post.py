"""One HTTP POST with limits on everything that a hostile or broken receiver controls.

As for the application's endpoints, the transport adapter of requests is used without a session: no cookies, no
proxies or .netrc from the environment, no redirect followed; and a wire that somebody else may cut.
"""

import http.client
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool

from exporter.application.wire import Wire

# It quotes malformed headers, line breaks included. What failed, we say ourselves.
logging.getLogger("urllib3").setLevel(logging.ERROR)

# A receiver that refuses says why in a sentence or two; more of its answer is not read.
LONGEST_ANSWER = 2_000
_LATE = "no complete answer in time"


@dataclass(frozen=True, slots=True)
class Message:
    """What to send where. The address, the headers and the body may hold secrets, so that none is ever shown."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the beginning of the body is enough to say why."""

    status: int
    retry_after: str | None = None
    text: str = ""


class NoAnswer(Exception):
    """There was none, or it was not HTTP. Whether the message arrived is unknown. The text names no address."""


def post(message: Message, timeout: float, wire: Wire) -> Answer:
    """POST the message; ends within `timeout` seconds, or when `wire` is cut.

    Only the resolver of names, which nothing can interrupt, may take longer.
    Raises: NoAnswer.
    """
    patience = threading.Timer(timeout, wire.cut)
    patience.daemon = True
    patience.start()
    try:
        with closing(wire), closing(_Adapter(wire)) as adapter:
            answer = _exchange(adapter, message, timeout)
        # Headers that end in the middle count as complete below; whoever cut them off knows better.
        if not wire.is_cut:
            return answer
        failure = NoAnswer(_LATE)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        failure = NoAnswer(_LATE if wire.is_cut else _reason(error))
    finally:
        patience.cancel()
    raise failure  # not chained: the traceback would keep half-open sockets alive for as long as the failure


class _Adapter(HTTPAdapter):
    """An adapter for one request, whose connection the wire can cut."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(max_retries=0)
        self._wire = wire
        self._pools: list[ConnectionPool] = []

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> ConnectionPool:
        """The pool for this request, with connections on the wire."""
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if isinstance(pool, HTTPConnectionPool):  # it always is: the base class allows for SOCKS
            pool.ConnectionCls = _tapped(pool.ConnectionCls)
            pool.conn_kw["wire"] = self._wire
        self._pools.append(pool)
        return pool

    def close(self) -> None:
        """Close the connection, now."""
        for pool in self._pools:
            pool.close()
        super().close()


@cache
def _tapped(kind: type[Any]) -> type[Any]:
    """A connection class like `kind` whose sockets hang on its `wire` from TCP on, before TLS shakes hands."""

    class Tapped(kind):  # type: ignore[misc] # mypy knows no base class that is a variable
        def __init__(self, *args: Any, wire: Wire, **options: Any) -> None:
            super().__init__(*args, **options)
            self._wire = wire

        def _new_conn(self) -> socket.socket:  # where urllib3's own SOCKS support hooks in, too
            connection: socket.socket = super()._new_conn()
            self._wire.tap(connection)
            return connection

    return Tapped


def _exchange(adapter: HTTPAdapter, message: Message, timeout: float) -> Answer:
    headers = {
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "outbox-exporter",
        **message.headers,
    }
    prepared = requests.Request("POST", message.url, headers, data=message.body).prepare()
    with closing(adapter.send(prepared, stream=True, timeout=timeout)) as response:
        return Answer(response.status_code, response.headers.get("Retry-After"), _beginning(response))


def _beginning(response: requests.Response) -> str:
    """Some of the body, for people. The status has said all that counts, so that a broken body is no matter."""
    if response.ok or "Content-Encoding" in response.headers:
        return ""
    try:
        raw = response.raw.read(LONGEST_ANSWER, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return bytes(raw).decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """What happened below all the wrapping: the system's own words, without addresses of objects and URLs."""
    causes = tuple(_causes(error))
    for cause in reversed(causes):
        if isinstance(cause, TimeoutError):
            return "no answer in time"
        if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "the connection ended before the answer"
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
            return cause.strerror or type(cause).__name__
    return f"no exchange in HTTP possible ({type(causes[-1]).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
