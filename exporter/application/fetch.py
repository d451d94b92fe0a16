"""One HTTP GET, with limits on what a hostile or broken server controls: redirects, and the size of the body."""

import http.client
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

from exporter.core.errors import BadPayload, BadStatus, SampleError, TooSlow, Unreachable
from exporter.core.http_client import AbortableAdapter, causes
from exporter.core.types import Secret

# Redirects within one origin are followed this often: one for a trailing slash or a moved path, one more to spare.
MAX_REDIRECTS = 2
_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib.decompressobj: recognise either header


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A GET and its limits.

    Units: `timeout` seconds, for connecting and for each wait for bytes (the whole answer is bounded by aborting the
    connection); `max_bytes` is the size of the body, decoded.
    """

    url: str
    bearer_token: Secret | None
    timeout: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete HTTP answer that is no redirect, its body decoded."""

    status: int
    body: bytes


def fetch(request: HttpRequest, adapter: AbortableAdapter) -> HttpAnswer:
    """GET the URL. Ends soon after the adapter's connections are aborted, whatever the server does.

    The bearer token goes to the origin of the URL and nowhere else. The connection is kept for the next request if the
    whole answer was read and the server agrees; after an error, close the adapter.
    Raises: Unreachable, TooSlow, BadStatus for a redirect that is not followed or an answer that is not HTTP,
    BadPayload for a body that is too large or encoded in an unknown way.
    """
    try:
        return _follow(adapter, request)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        failure = _map_error(error)
    raise failure  # not chained: the traceback would keep half-open sockets alive for as long as the failure


def _follow(adapter: AbortableAdapter, request: HttpRequest) -> HttpAnswer:
    url = request.url
    for _ in range(MAX_REDIRECTS + 1):
        with closing(adapter.open(_prepared(request, url), request.timeout)) as response:
            if response.status not in _REDIRECTS:
                return HttpAnswer(response.status, _body(response, request.max_bytes))
            url = _same_origin(url, response.headers.get("Location", ""))
    raise BadStatus(f"more than {MAX_REDIRECTS} redirects")


@lru_cache(maxsize=16)
def _prepared(request: HttpRequest, url: str) -> requests.PreparedRequest:
    """The request, prepared. Cached: the same few are sent at every sample, and none is changed."""
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "outbox-exporter",
    }
    if request.bearer_token is not None:
        headers["Authorization"] = f"Bearer {request.bearer_token.reveal()}"
    return requests.Request("GET", url, headers).prepare()


def _same_origin(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        stays = _origin(urlsplit(target)) == _origin(urlsplit(url))
    except ValueError:  # not a URL
        stays = False
    if not location or not stays:
        raise BadStatus("redirects away from its own origin, which is not followed; check application.url")
    return target


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme)


def _body(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    raw = b"".join(_chunks(response, max_bytes + 1))
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    body = raw if encoding in ("", "identity") or len(raw) > max_bytes else _inflated(raw, encoding, max_bytes)
    if len(body) > max_bytes:
        raise BadPayload(f"larger than application.max_bytes = {max_bytes}")
    return body


def _chunks(response: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
    """At most this many bytes as they came. Only the read after the last byte notices that some are missing."""
    while most > 0 and (chunk := response.read(most, decode_content=False)):
        yield chunk
        most -= len(chunk)


def _inflated(raw: bytes, encoding: str, max_bytes: int) -> bytes:
    """At most one byte more than allowed, however much there is. We asked for `identity`; proxies compress anyway."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadPayload("in a Content-Encoding that was not asked for")
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        body = inflater.decompress(raw, max_bytes + 1)
    except zlib.error:
        raise BadPayload(f"not the {encoding} that it claims to be") from None
    if len(body) <= max_bytes and not inflater.eof:
        raise BadPayload(f"the {encoding} stream is cut short")
    return body


def _map_error(error: Exception) -> SampleError:
    """The innermost cause, in the system's own words, without addresses of objects and URLs."""
    found = tuple(causes(error))
    for cause in reversed(found):
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
            in_time = not isinstance(cause, TimeoutError)
            return Unreachable(cause.strerror or str(cause)) if in_time else TooSlow("no answer in time")
    if any(isinstance(cause, http.client.IncompleteRead) for cause in found):
        return Unreachable("the connection ended in the middle of the answer")
    return BadStatus(f"no exchange in HTTP possible ({type(found[-1]).__name__}); check application.url")
