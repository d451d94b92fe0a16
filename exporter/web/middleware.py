"""Around all endpoints: rate limit, authentication, refusal of bodies, headers, errors."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus

from exporter.web.auth import Authenticator, TooManyLogins
from exporter.web.config.file import RateLimit, WebConfig
from exporter.web.messages import Handler, Request, Response, text
from exporter.web.throttle import Throttle

log = logging.getLogger("exporter.web.middleware")
log.addFilter(Throttle())

# Values change with every sample, so no cache may store them; no page is to be framed, sniffed or run.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="outbox-exporter", charset="UTF-8"'}


class RequestMiddleware:
    """Checks a request before it reaches an endpoint, and completes the headers of the response.

    `settings` returns the current web configuration; it is called once per request and must not block. As in the
    exporter-toolkit, every path needs the same authentication, /-/healthy included.
    """

    def __init__(self, handler: Handler, settings: Callable[[], WebConfig]) -> None:
        self._handler = handler
        self._settings = settings
        self._authenticator = Authenticator()
        self._bucket = TokenBucket(None)

    async def __call__(self, request: Request) -> Response:
        """Respond to one request. Raises nothing: an error is logged, and the response has status 500."""
        config = self._settings()
        try:
            response = await self._refusal(request, config) or await self._handler(request)
        except Exception:
            log.exception("a request failed")
            response = text("internal error; see the exporter's log\n", HTTPStatus.INTERNAL_SERVER_ERROR)
        return replace(response, headers=_headers(response, config))

    async def _refusal(self, request: Request, config: WebConfig) -> Response | None:
        if config.rate_limit != self._bucket.limit:
            self._bucket = TokenBucket(config.rate_limit)
        if not self._bucket.take():
            return text("too many requests\n", HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "1"})
        try:
            if config.users and not await self._authenticator.allows(config.users, request.header("authorization")):
                return text("unauthorized\n", HTTPStatus.UNAUTHORIZED, _CHALLENGE)
        except TooManyLogins:
            busy = "too many logins at the same time\n"
            return text(busy, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})
        if (request.header("content-length") or "0").strip("0") or request.header("transfer-encoding") is not None:
            return text("request bodies are not accepted\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return None


def _headers(response: Response, config: WebConfig) -> dict[str, str]:
    """The headers of a response with the common ones. Those of the web configuration have precedence."""
    headers = {**SECURITY_HEADERS, **response.headers, "Date": formatdate(usegmt=True)}
    configured = {name.lower() for name, _ in config.headers}
    return {name: value for name, value in headers.items() if name.lower() not in configured} | dict(config.headers)


class TokenBucket:
    """A token bucket: full at first, one more token each `interval` seconds, `burst` tokens at most.

    `clock` gives monotonic seconds.
    """

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst) if limit else 0.0
        self._filled = clock()

    def take(self) -> bool:
        """Take one token: False when there is none. Always True without a limit."""
        if self.limit is None:
            return True
        now = self._clock()
        self._tokens = min(self.limit.burst, self._tokens + (now - self._filled) / self.limit.interval)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
