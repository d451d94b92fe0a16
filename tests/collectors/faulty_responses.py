"""Every faulty response of an endpoint: the behaviour, the counted reason, the message."""

from exporter.core.errors import Reason
from tests.application.samples import DOCUMENTED, body
from tests.collectors.hostile import (
    Behaviour,
    bomb,
    flood,
    gzipped,
    head,
    raw,
    redirect,
    reset,
    respond,
    silence,
    stall,
    trickle,
)

ERROR = body({"error": {"message": "Boom", "code": -32603, "data": {"code": "INTERNAL_SERVER_ERROR"}}})
PAYLOAD = body({"result": {"data": DOCUMENTED["getFSM"]}})

FAULTY_RESPONSES: dict[str, tuple[Behaviour, Reason, str]] = {
    "500 envelope": (
        respond(ERROR, "500 Internal Server Error"),
        Reason.HTTP,
        "HTTP 500: INTERNAL_SERVER_ERROR Boom",
    ),
    "error envelope with 200": (respond(ERROR), Reason.HTTP, "HTTP 200: INTERNAL_SERVER_ERROR Boom"),
    "HTML 502": (respond(b"<html>Bad Gateway</html>", "502 Bad Gateway"), Reason.HTTP, "HTTP 502"),
    "HTML 200": (respond(b"<!doctype html><title>Sign in</title>"), Reason.PAYLOAD, "not JSON"),
    "204": (raw(head("204 No Content")), Reason.HTTP, "HTTP 204"),
    "status 999": (respond(PAYLOAD, "999 What"), Reason.HTTP, "HTTP 999"),
    "payload with 500": (respond(PAYLOAD, "500 Internal Server Error"), Reason.HTTP, "HTTP 500"),
    "empty 200": (respond(b""), Reason.PAYLOAD, "not JSON"),
    "truncated JSON": (respond(PAYLOAD[:-5]), Reason.PAYLOAD, "not JSON"),
    "array": (respond(b"[1, 2, 3]"), Reason.PAYLOAD, "not a JSON object"),
    "deep nesting": (respond(b"[" * 200_000 + b"]" * 200_000), Reason.PAYLOAD, "nested too deeply"),
    "another application": (respond(b'{"hello": "world"}'), Reason.PAYLOAD, "none of the known fields"),
    "hang": (silence, Reason.TIMEOUT, "in time"),
    "hang after headers": (stall(head(content_length=100)), Reason.TIMEOUT, "in time"),
    "hang within body": (stall(head(content_length=len(PAYLOAD)) + PAYLOAD[:9]), Reason.TIMEOUT, "in time"),
    "one byte a second in the body": (trickle(head(content_length=10_000), b" ", 1), Reason.TIMEOUT, "in time"),
    "steady drip in the body": (trickle(head(content_length=10_000), b" ", 0.05), Reason.TIMEOUT, "in time"),
    "one byte a second in the headers": (trickle(b"HTTP/1.1 200 OK\r\nX: ", b"x", 1), Reason.TIMEOUT, "in time"),
    "steady drip in the headers": (trickle(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05), Reason.TIMEOUT, "in time"),
    "steady drip in the status line": (trickle(b"HTTP/1.1 200 ", b"O", 0.05), Reason.TIMEOUT, "in time"),
    "steady drip of chunks": (trickle(head(transfer_encoding="chunked"), b"1\r\n \r\n", 0.05), Reason.TIMEOUT, "time"),
    "100 Continue for ever": (trickle(b"", head("100 Continue"), 0.01), Reason.TIMEOUT, "in time"),
    "shorter than announced": (
        raw(head(content_length=len(PAYLOAD) + 1), PAYLOAD),
        Reason.CONNECTION,
        "in the middle",
    ),
    "chunked and cut short": (
        raw(head(transfer_encoding="chunked"), b"ff\r\n", PAYLOAD[:20]),
        Reason.CONNECTION,
        "in the middle",
    ),
    "closed without a word": (raw(), Reason.CONNECTION, "closed connection without response"),
    "reset": (reset(), Reason.CONNECTION, "reset by peer"),
    "reset within body": (reset(head(content_length=5000) + b"{" * 999), Reason.CONNECTION, "reset by peer"),
    "50 MB announced": (flood(head(content_length=50_000_000), 50), Reason.PAYLOAD, "max_bytes = 1000000"),
    "50 MB unannounced": (flood(head(), 50), Reason.PAYLOAD, "max_bytes = 1000000"),
    "50 MB of an error": (
        flood(head("500 Internal Server Error", content_length=50_000_000), 50),
        Reason.PAYLOAD,
        "max_bytes = 1000000",
    ),
    "50 MB of a redirect": (
        flood(head("302 Found", location="/trpc/metrics.healthCheck", content_length=50_000_000), 50),
        Reason.PAYLOAD,  # not that of its body, which is not read, but of its redirection target
        "none of the known fields",
    ),
    "gzip bomb": (respond(bomb(100), content_encoding="gzip"), Reason.PAYLOAD, "max_bytes = 1000000"),
    "gzip cut short": (respond(gzipped(PAYLOAD)[:-9], content_encoding="gzip"), Reason.PAYLOAD, "cut short"),
    "gzip in name only": (respond(PAYLOAD, content_encoding="gzip"), Reason.PAYLOAD, "not the gzip"),
    "encoding we cannot read": (respond(PAYLOAD, content_encoding="br"), Reason.PAYLOAD, "not asked for"),
    "redirect loop": (redirect("/trpc/metrics.getFSM"), Reason.HTTP, "more than 2 redirects"),
    "redirect elsewhere": (redirect("http://127.0.0.1:1/metrics.getFSM"), Reason.HTTP, "away from its own origin"),
    "redirect to https": (redirect("https://127.0.0.1/metrics.getFSM"), Reason.HTTP, "away from its own origin"),
    "redirect to a file": (redirect("file:///etc/passwd"), Reason.HTTP, "away from its own origin"),
    "redirect to nonsense": (redirect("http://[::1"), Reason.HTTP, "away from its own origin"),
    "redirect to a strange port": (redirect("http://127.0.0.1:99999/"), Reason.HTTP, "away from its own origin"),
    "redirect to nowhere": (respond(b"", "307 Temporary Redirect"), Reason.HTTP, "away from its own origin"),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), Reason.HTTP, "no exchange in HTTP possible"),
    "endless status line": (flood(b"HTTP/1.1 200 ", 1), Reason.HTTP, "no exchange in HTTP possible"),
    "too many headers": (raw(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000), Reason.HTTP, "no exchange in HTTP possible"),
    "lengths that disagree": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", PAYLOAD),
        Reason.HTTP,
        "no exchange in HTTP possible",
    ),
}
