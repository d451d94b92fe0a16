"""HTTP requests over connections that another thread can abort, unlike those of a browser.

No cookies, no proxies or .netrc from the environment, no redirect followed unless the caller does it. requests prepares
a request; urllib3 sends it.
"""

import logging
import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from exporter.core.abortable import AbortableConnections
from exporter.core.types import Certificates

# It logs malformed headers, line breaks included, with a traceback each time. The caller logs the failure.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def tls_context(urls: Iterable[str], authorities: Certificates | None) -> ssl.SSLContext | None:
    """The authorities that verify the servers at these addresses: these, or the well-known ones. None without https.

    Make it once: reading the well-known ones for every request would cost more than the request.
    """
    if not any(url.lower().startswith("https:") for url in urls):
        return None
    if authorities:
        return ssl.create_default_context(cadata=authorities)
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


class AbortableAdapter:
    """Sends requests over connections that can be aborted, and keeps one to each host. Close it.

    Servers are verified by `tls_context`; without it, by the well-known authorities.
    """

    def __init__(self, connections: AbortableConnections, tls_context: ssl.SSLContext | None = None) -> None:
        self._connections = connections
        self._tls_context = tls_context
        self._pools: dict[tuple[str | None, str | None, int | None], HTTPConnectionPool] = {}

    def open(self, request: requests.PreparedRequest, timeout: float) -> BaseHTTPResponse:
        """Send it; the body is read from the response, as it was sent. Close the response.

        Units: `timeout` seconds, for connecting and for each wait for bytes.
        Raises: urllib3's HTTPError.
        """
        return self._pool(request.url or "").urlopen(
            request.method or "GET",
            request.path_url,
            body=request.body,
            headers=request.headers,
            timeout=Timeout(connect=timeout, read=timeout),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close all connections, now: urllib3 leaves those that could be used again to the garbage collector."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: str) -> HTTPConnectionPool:
        parts = parse_url(url)
        key = parts.scheme, parts.host, parts.port
        if key not in self._pools:
            self._pools[key] = self._new_pool(*key)
        return self._pools[key]

    def _new_pool(self, scheme: str | None, host: str | None, port: int | None) -> HTTPConnectionPool:
        if scheme != "https":
            pool = HTTPConnectionPool(host or "", port, maxsize=1, connections=self._connections)
            pool.ConnectionCls = _AbortableHTTPConnection
            return pool
        context = self._tls_context or tls_context(("https:",), None)
        pool = HTTPSConnectionPool(host or "", port, maxsize=1, ssl_context=context, connections=self._connections)
        pool.ConnectionCls = _AbortableHTTPSConnection
        return pool


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, the innermost last: urllib3 wraps the system's errors."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _AbortableHTTPConnection(HTTPConnection):
    """Registers its socket once TCP is connected."""

    def __init__(self, *args: Any, connections: AbortableConnections, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connections = connections

    def _new_conn(self) -> socket.socket:  # urllib3's own SOCKS support overrides it, too
        connection = super()._new_conn()
        self._connections.register(connection)
        return connection


class _AbortableHTTPSConnection(_AbortableHTTPConnection, HTTPSConnection):
    """The same, before the TLS handshake."""
