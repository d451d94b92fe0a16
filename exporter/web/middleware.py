"""ASGI middleware around all endpoints: rate limit, authentication, refusal of bodies, headers, errors."""

import logging
import time
from collections.abc import Callable
from email.utils import formatdate

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.auth import Authenticator, TooManyLogins
from exporter.web.config.file import RateLimit, WebConfig
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

    def __init__(self, app: ASGIApp, settings: Callable[[], WebConfig]) -> None:
        self._app = app
        self._settings = settings
        self._authenticator = Authenticator()
        self._bucket = TokenBucket(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request. Raises nothing: an error is logged, and the response has status 500."""
        config = self._settings()
        writer = _ResponseWriter(send, dict(config.headers))
        try:
            refusal = await self._refusal(Headers(scope=scope), config)
            await (refusal or self._app)(scope, receive, writer.send)
        except Exception:
            log.exception("a request failed")
            if not writer.started:
                failed = PlainTextResponse("internal error; see the exporter's log\n", 500)
                await failed(scope, receive, writer.send)

    async def _refusal(self, headers: Headers, config: WebConfig) -> Response | None:
        if config.rate_limit != self._bucket.limit:
            self._bucket = TokenBucket(config.rate_limit)
        if not self._bucket.take():
            return PlainTextResponse("too many requests\n", 429, {"Retry-After": "1"})
        try:
            if config.users and not await self._authenticator.allows(config.users, headers.get("authorization")):
                return PlainTextResponse("unauthorized\n", 401, _CHALLENGE)
        except TooManyLogins:
            return PlainTextResponse("too many logins at the same time\n", 503, {"Retry-After": "1"})
        if headers.get("content-length", "0").strip("0") or "transfer-encoding" in headers:
            # The connection closes, because the body would have to be read first and may never end.
            return PlainTextResponse("request bodies are not accepted\n", 413, {"Connection": "close"})
        return None


class _ResponseWriter:
    """Adds the common headers to a response. Those of the web configuration have precedence."""

    def __init__(self, send: Send, configured: dict[str, str]) -> None:
        self._send = send
        self._configured = configured
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["Date"] = formatdate(usegmt=True)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.update(self._configured)
        await self._send(message)


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
