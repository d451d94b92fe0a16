"""The endpoints: routes, content negotiation and responses."""

import asyncio
import gzip
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from exporter.core.errors import ConfigError
from exporter.core.humanize import json_safe
from exporter.web.background import in_thread
from exporter.web.messages import Handler, Request, Response, as_json, html, text
from exporter.web.throttle import Throttle

log = logging.getLogger("exporter.web.routes")
log.addFilter(Throttle())

# The versions that the client library can write. It accepts any higher number as well, and names it in its answer.
_VERSIONS = ("0.0.4", "1.0.0")
# Encodes everything for a content type.
ExpositionEncoder = Callable[[str], bytes]

# A request for any other escaping scheme gets `underscores`. All metric names here are legal in every scheme and need
# no escaping, but the client library writes `U__outbox__up` for `values` in OpenMetrics, and doubles every underscore
# for `dots`.
_ESCAPING = re.compile(r";\s*escaping=(?!(?:underscores|allow-utf-8)\s*(?:;|$))[^;]*")
_TYPES = ("application/openmetrics-text", "text/plain")
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)")
_VERSION = re.compile(r";\s*version\s*=\s*([^;\s]*)")
_NO_GZIP = re.compile(r"gzip\s*;\s*q\s*=\s*0(\.0*)?\s*$")
# The exposition is so repetitive that level 1 compresses it as well as level 9, in a third of the time.
_GZIP_LEVEL = 1
_RUNBOOK = re.compile(r"/runbooks/([^/]*)")


@dataclass(frozen=True, slots=True)
class SiteContent:
    """The sources of all responses. All but `reload` are called in the event loop and must not block.

    Attributes:
        registry: the metrics.
        status, watch: the objects of `/api/v1/status` and `/api/v1/watch`.
        ready: whether the exporter is ready, and a sentence with the reason.
        reload: reloads the configuration; may block; raises ConfigError. None: reloading over HTTP is disabled.
        encoder: encodes the whole registry for a content type, faster than the client library; None: the library does.
        scraped: called at each request of the metrics.
        runbook: the Markdown for an alert, the list of all for an empty name, None for an unknown name.
        title, version: of the status page.
    """

    registry: CollectorRegistry
    status: Callable[[], Mapping[str, Any]]
    ready: Callable[[], tuple[bool, str]]
    reload: Callable[[], None] | None = None
    encoder: ExpositionEncoder | None = None
    watch: Callable[[], Mapping[str, Any]] = dict
    scraped: Callable[[], None] = lambda: None
    runbook: Callable[[str], str | None] = lambda _: None
    title: str = "outbox-exporter"
    version: str = ""


def router(site: SiteContent) -> Handler:
    """The handler of all requests. Unknown paths get status 404, wrong methods 405."""
    endpoints = _Endpoints(site)
    handlers: Mapping[str, Handler] = {
        "/": endpoints.status_page,
        "/metrics": endpoints.metrics,
        "/runbooks": endpoints.to_runbooks,
        "/api/v1/status": endpoints.status,
        "/api/v1/watch": endpoints.watch,
        "/-/healthy": endpoints.healthy,
        "/-/ready": endpoints.ready,
        "/-/reload": endpoints.reload,
    }

    async def route(request: Request) -> Response:
        handler = handlers.get(request.path)
        if handler is None and _RUNBOOK.fullmatch(request.path):
            handler = endpoints.runbook
        if handler is None:
            return text("not found\n", HTTPStatus.NOT_FOUND)
        methods = ("POST",) if request.path == "/-/reload" else ("GET", "HEAD")
        if request.method not in methods:
            return text("method not allowed\n", HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(methods)})
        return await handler(request)

    return route


@dataclass(frozen=True, slots=True)
class _Endpoints:
    site: SiteContent
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def status_page(self, _request: Request) -> Response:
        from exporter.web import pages  # noqa: PLC0415 - 1 MiB that a scrape does not need

        page = pages.status_page(self.site.title, self.site.version, self.site.status())
        return html(page, {"Content-Security-Policy": pages.CONTENT_SECURITY_POLICY})

    async def metrics(self, request: Request) -> Response:
        """The exposition, encoded in the event loop: 1 to 3 ms of Python, which a thread would not run in parallel.

        The body is one block of bytes, so a slow client delays no other.
        """
        self.site.scraped()
        body, content_type = render(self.site, request.list_header("accept"), request.parameters("name[]"))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.list_header("accept-encoding")):
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    async def status(self, _request: Request) -> Response:
        return as_json(json_safe(self.site.status()))

    async def watch(self, _request: Request) -> Response:
        return as_json(json_safe(self.site.watch()))

    async def to_runbooks(self, _request: Request) -> Response:
        location = {"Location": "runbooks/"}  # relative, for a proxy that adds a path
        return Response(status=HTTPStatus.PERMANENT_REDIRECT, headers=location)

    async def runbook(self, request: Request) -> Response:
        """One runbook, by the name of its alert or file; without a name the list of all."""
        alert = request.path.removeprefix("/runbooks/").removesuffix(".md")
        markdown = self.site.runbook(alert)
        if markdown is None:
            return text("there is no runbook of this name; /runbooks/ lists all\n", 404)
        from exporter.web import runbooks  # noqa: PLC0415 - as above

        page = runbooks.page(alert or "Runbooks", markdown)
        return html(page, {"Content-Security-Policy": runbooks.CONTENT_SECURITY_POLICY})

    async def healthy(self, _request: Request) -> Response:
        return text("healthy\n")

    async def ready(self, _request: Request) -> Response:
        is_ready, reason = self.site.ready()
        return text(f"{reason}\n", 200 if is_ready else 503)

    async def reload(self, request: Request) -> Response:
        if self.site.reload is None:
            return text("reloading over HTTP is disabled; set web.enable_reload: true\n", 403)
        if request.header("sec-fetch-site") not in (None, "none", "same-origin"):
            return text("requests from pages of other sites are refused\n", 403)
        async with self.reloading:
            try:
                await in_thread(self.site.reload)
            except ConfigError as error:
                return text(f"not reloaded, the previous configuration stays in use:\n{error}\n", 500)
        return text("reloaded\n")


def render(site: SiteContent, accept: str, names: list[str]) -> tuple[bytes, str]:
    """The exposition and its content type. `names` restricts it to these series; an empty list means all.

    When a collector raises, the families of those registered before it are still in the exposition.
    """
    encode, content_type = _negotiate(accept)
    if site.encoder and not names:
        try:
            return site.encoder(content_type), content_type
        except Exception:
            log.exception("a collector raised; the others are encoded without it")
    chosen = site.registry.restricted_registry(names) if names else site.registry
    return encode(_collector(*_encodable(chosen, encode))), content_type


# A scraper sends the same header each time. The bound limits memory when a client varies it.
@lru_cache(maxsize=16)
def _negotiate(accept: str) -> tuple[Callable[[Any], bytes], str]:
    """The client library's encoder for the preferred media range, and its content type.

    The library itself ignores weights.
    """
    preferred = sorted(filter(_is_known, accept.lower().split(",")), key=_weight, reverse=True)
    chosen = next((each for each in preferred if _weight(each) > 0), "")
    return choose_encoder(_ESCAPING.sub("", chosen))


def _is_known(media_range: str) -> bool:
    version = _VERSION.search(media_range)
    return media_range.split(";", maxsplit=1)[0].strip() in _TYPES and (version is None or version[1] in _VERSIONS)


def _weight(media_range: str) -> float:
    weight = _WEIGHT.search(media_range)
    return float(weight[1]) if weight else 1


def _encodable(collector: Any, encode: Callable[[Any], bytes]) -> Iterator[Family]:
    """The families of a registry until a collector raises, without those that cannot be encoded."""
    try:
        for family in collector.collect():
            try:
                encode(_collector(family))
            except Exception:
                log.exception("%s cannot be encoded; the scrape is incomplete", family.name)
            else:
                yield family
    except Exception:
        log.exception("a collector raised; the scrape is incomplete")


def _collector(*families: Family) -> Any:
    """Families in the form of a collector, which is the argument of an encoder."""
    return SimpleNamespace(collect=lambda: families)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named with a weight above 0."""
    codings = [coding.strip().lower() for coding in accept_encoding.split(",")]
    return any(coding.split(";")[0].strip() == "gzip" and not _NO_GZIP.match(coding) for coding in codings)
