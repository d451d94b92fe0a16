"""HTTP requests over connections that another thread can abort, unlike those of a browser.

No cookies, no proxies or .netrc from the environment, no redirect followed unless the caller does it. Python's own
http.client speaks HTTP: libraries above it take 7 MiB of memory for what is not wanted here.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from exporter.core.abortable import AbortableConnections
from exporter.core.types import Certificates

# Characters that may stand in the path and the query of a URL, `%` included: what is encoded already stays.
_URL_CHARACTERS = "!$%&'()*+,/:;=?@[]~"


def tls_context(urls: Iterable[str], authorities: Certificates | None) -> ssl.SSLContext | None:
    """The authorities that verify the servers at these addresses: these, or the well-known ones. None without https.

    Make it once: reading the well-known ones for every request would cost more than the request.
    """
    if not any(url.lower().startswith("https:") for url in urls):
        return None
    if authorities:
        return ssl.create_default_context(cadata=authorities)
    import certifi  # noqa: PLC0415 - for https only

    return ssl.create_default_context(cafile=certifi.where())


class HttpClient:
    """Sends requests over connections that can be aborted, and keeps one to each host. Close it.

    Servers are verified by `tls_context`; without it, by the well-known authorities.
    """

    def __init__(self, connections: AbortableConnections, tls_context: ssl.SSLContext | None = None) -> None:
        self._connections = connections
        self._tls_context = tls_context
        self._kept: dict[tuple[str, str], HTTPConnection] = {}

    @contextmanager
    def request(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> Iterator[HTTPResponse]:
        """Send it; the body is read from the response, as it was sent.

        The connection is kept if the response was read to its end.
        Units: `timeout` seconds, for connecting and for each wait for bytes.
        Raises: OSError; http.client.HTTPException when the answer is not HTTP.
        """
        parts = urlsplit(url)
        connection = self._connection(parts, timeout)
        response = None
        try:
            target = quote(parts._replace(scheme="", netloc="", path=parts.path or "/").geturl(), _URL_CHARACTERS)
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            yield response
        finally:
            if response is None or not response.isclosed():
                connection.close()
            if response is not None:
                response.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._kept.values():
            connection.close()

    def _connection(self, parts: SplitResult, timeout: float) -> HTTPConnection:
        key = parts.scheme, parts.netloc
        if key not in self._kept:
            self._kept[key] = self._new_connection(parts)
        connection = self._kept[key]
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new_connection(self, parts: SplitResult) -> HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme != "https":
            return _AbortableHTTPConnection(host, port, connections=self._connections)
        context = self._tls_context or tls_context(("https:",), None)
        return _AbortableHTTPSConnection(host, port, context=context, connections=self._connections)


class _AbortableHTTPConnection(HTTPConnection):
    """Registers its socket once TCP is connected."""

    def __init__(self, host: str, port: int | None, *, connections: AbortableConnections, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._connections = connections

    def connect(self) -> None:
        super().connect()
        self._connections.register(self.sock)


class _AbortableHTTPSConnection(HTTPSConnection, _AbortableHTTPConnection):
    """The same, before the TLS handshake, which `HTTPSConnection` makes after the `connect` above."""
