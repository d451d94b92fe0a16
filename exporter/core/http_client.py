"""How HTTP leaves this program: on a wire that somebody else may cut, and as nobody's browser.

The transport adapter of requests is used without a session: no cookies, no proxies or .netrc from the environment,
no redirect followed unless the caller does it.
"""

import logging
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool

from exporter.core.abortable import AbortableConnections
from exporter.core.types import Certificates

# It quotes malformed headers, line breaks included, with a traceback each time. What failed, we say ourselves.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def tls_context(urls: Iterable[str], authorities: Certificates | None) -> ssl.SSLContext | None:
    """Whom to believe at these addresses: those authorities, or the well-known ones. None where nothing is encrypted.

    Made once: reading the well-known ones for every request would cost more than the request.
    """
    if not any(url.lower().startswith("https:") for url in urls):
        return None
    if authorities:
        return ssl.create_default_context(cadata=authorities)
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


class AbortableAdapter(HTTPAdapter):
    """An adapter all of whose connections can be aborted. Close it.

    Servers are verified by `tls_context`; without it, by the well-known authorities.
    """

    def __init__(self, connections: AbortableConnections, tls_context: ssl.SSLContext | None = None) -> None:
        self._tls_context = tls_context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._connections = connections
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Pools whose connections use `tls_context`."""
        super().init_poolmanager(*args, ssl_context=self._tls_context, **options)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave a pool as it is when `tls_context` decides: the base would add the well-known authorities to it."""
        if self._tls_context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def open(self, request: requests.PreparedRequest, timeout: float) -> BaseHTTPResponse:
        """Send it; the body is read from the answer, as it came, which has to be closed.

        Cookies and a history, which `send` prepares for a session at a fifth of the request's cost, are nobody's here.
        Units: `timeout` seconds, for connecting and for each wait for bytes.
        Raises: urllib3's HTTPError; requests' InvalidURL when there is no host in the address.
        """
        return self.get_connection_with_tls_context(request, verify=True).urlopen(
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

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> HTTPConnectionPool:
        """The pool for this request, with abortable connections; the same for all requests to one host."""
        scheme, host, *_ = urlsplit(request.url or "")
        pool = self._pools.get((scheme, host))
        if pool is None:
            found = super().get_connection_with_tls_context(request, verify, proxies, cert)
            pool = self._pools[scheme, host] = self._with_abortable_connections(found)
            self.cert_verify(pool, request.url or "", verify, cert)
        return pool

    def _with_abortable_connections(self, pool: ConnectionPool) -> HTTPConnectionPool:
        if not isinstance(pool, HTTPConnectionPool):  # the base class allows for SOCKS, which needs a proxy
            raise TypeError(f"{type(pool).__name__} makes connections that cannot be aborted")
        pool.ConnectionCls = _abortable_class(pool.ConnectionCls)
        pool.conn_kw["connections"] = self._connections
        return pool

    def close(self) -> None:
        """Close all connections, now: urllib3 leaves those that could be used again to the garbage collector."""
        for pool in self._pools.values():
            pool.close()
        super().close()


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made of, the innermost last: requests wraps urllib3, which wraps the system's."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _Abortable:
    """Marks connection classes whose sockets can be aborted."""


@cache
def _abortable_class(kind: type[Any]) -> type[Any]:
    """A connection class like `kind` whose sockets are registered once TCP is connected, before the TLS handshake."""
    if issubclass(kind, _Abortable):
        return kind  # the second request of a redirect, over the same pool

    class AbortableConnection(kind, _Abortable):  # type: ignore[misc] # mypy knows no base class that is a variable
        def __init__(self, *args: Any, connections: AbortableConnections, **options: Any) -> None:
            super().__init__(*args, **options)
            self._connections = connections

        def _new_conn(self) -> socket.socket:  # where urllib3's own SOCKS support hooks in, too
            connection: socket.socket = super()._new_conn()
            self._connections.register(connection)
            return connection

    return AbortableConnection
