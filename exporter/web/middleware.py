"""What every request passes before it reaches an endpoint, and every answer before it leaves."""

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

log = logging.getLogger("exporter.web.server.request")
log.addFilter(Throttle())

# Numbers change with every sample, so no cache may keep them; nothing here is to be framed, sniffed or run.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="outbox-exporter", charset="UTF-8"'}


class RequestMiddleware:
    """ASGI middleware: rate limit, authentication, no request bodies, security headers, no traceback to clients.

    `settings` gives the web configuration in force; it is asked once per request and must not block. As in the
    toolkit every path is behind the same authentication, /-/healthy included.
    """

    def __init__(self, app: ASGIApp, settings: Callable[[], WebConfig]) -> None:
        self._app = app
        self._settings = settings
        self._authenticator = Authenticator()
        self._bucket = TokenBucket(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises: nothing; what fails is logged and answered with 500."""
        config = self._settings()
        answer = _ResponseWriter(send, dict(config.headers))
        try:
            refusal = await self._refusal(Headers(scope=scope), config)
            await (refusal or self._app)(scope, receive, answer.send)
        except Exception:
            log.exception("a request could not be answered")
            if not answer.started:
                failed = PlainTextResponse("internal error; the exporter's log says more\n", 500)
                await failed(scope, receive, answer.send)

    async def _refusal(self, headers: Headers, config: WebConfig) -> Response | None:
        if not self._within_rate(config.rate_limit):
            return PlainTextResponse("too many requests\n", 429, {"Retry-After": "1"})
        try:
            if config.users and not await self._authenticator.allows(config.users, headers.get("authorization")):
                return PlainTextResponse("unauthorized\n", 401, _CHALLENGE)
        except TooManyLogins:
            return PlainTextResponse("too many logins at once\n", 503, {"Retry-After": "1"})
        if headers.get("content-length", "0").strip("0") or "transfer-encoding" in headers:
            # Closing saves reading the body, which may never end.
            return PlainTextResponse("requests have no body here\n", 413, {"Connection": "close"})
        return None

    def _within_rate(self, limit: RateLimit | None) -> bool:
        if limit != self._bucket.limit:
            self._bucket = TokenBucket(limit)
        return self._bucket.take()


class _ResponseWriter:
    """Passes an answer on, with the headers that all answers have. Those of the web configuration win."""

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
    """A token bucket: full at first, one token more each `interval`, never more than `burst`."""

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst) if limit else 0.0
        self._filled = clock()

    def take(self) -> bool:
        """Take one token; False when there is none. Without a limit always True."""
        if self.limit is None:
            return True
        now = self._clock()
        self._tokens = min(self.limit.burst, self._tokens + (now - self._filled) / self.limit.interval)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
