"""The application collector against real sockets: every way to answer badly ends in the right failure, in time."""

import gc
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import trustme

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import LONGEST_MESSAGE, ApplicationCollector
from exporter.config import ApplicationSettings, Seconds, Secret, Url
from exporter.errors import ConfigError, Reason
from exporter.model import Failure, Outcome, Reading
from exporter.names import APP_UP
from exporter.redaction import HIDDEN
from tests.application.samples import DIALECTS, DOCUMENTED, body
from tests.collectors.hostile import (
    Behaviour,
    HostileServer,
    application,
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

TOKEN = "tok-5ecr3t/+=="
# Far above the deadline of 0.5 s, far below what a broken deadline takes.
IN_TIME = 5


@pytest.fixture(autouse=True)
def _sockets_are_closed_not_collected() -> Iterator[None]:
    """A socket left to the garbage collector is a ResourceWarning, which fails this test and not a later one."""
    yield
    gc.collect()


def collector(server: HostileServer, timeout: float = 0.5, token: str | None = TOKEN) -> ApplicationCollector:
    """A collector of that server's endpoints."""
    secret = None if token is None else Secret(token)
    return ApplicationCollector(ApplicationSettings(Url(f"{server.origin}/trpc"), secret, Seconds(timeout)))


def up(outcome: Outcome) -> dict[str, float]:
    """The value of outbox_app_up by endpoint."""
    return {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric is APP_UP
    }


def values(outcome: Outcome) -> dict[str, float]:
    """All readings by name and labels."""
    return {
        " ".join((reading.metric.name, *reading.labels)): reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading)
    }


# --- when all is well ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "envelope",
    [lambda x: x, lambda x: {"result": {"data": x}}, lambda x: {"result": {"data": {"json": x}}}],
    ids=["bare", "trpc", "superjson"],
)
def test_healthy_application(dialect, envelope):
    """Both dialects in every envelope: four endpoints up, no failure, no series twice."""
    behaviours = {endpoint: respond(body(envelope(DIALECTS[dialect][endpoint]))) for endpoint in ENDPOINTS}
    with application(behaviours) as server:
        outcome = collector(server).collect()
    assert outcome.failures == ()
    assert up(outcome) == dict.fromkeys(("healthCheck", "getFSM", "getOutbox", "getFallbacks"), 1)
    assert values(outcome)["outbox_app_pending_jobs"] == 5
    assert values(outcome)["outbox_app_processed_jobs_total"] == 995
    assert len(values(outcome)) == len(outcome.readings)


def test_last_processed_is_the_processors_own_word():
    """Two deployed endpoints say it; one series comes of it, and the health check stands in for the processor."""
    deployed = DIALECTS["deployed"]
    behaviours = {endpoint: respond(body(deployed[endpoint])) for endpoint in ENDPOINTS}
    with application(behaviours) as server:
        both = values(collector(server).collect())
        server.behaviours["/trpc/metrics.getOutbox"] = respond(b"", "503 Service Unavailable")
        one = values(collector(server).collect())
    assert both["outbox_app_last_processed_timestamp_seconds"] == 1763460001.5
    assert one["outbox_app_last_processed_timestamp_seconds"] == 1763460001.25


def test_request_says_who_we_are_and_what_we_take():
    """Each endpoint is asked once, with the token, for JSON that is not compressed."""
    with application() as server:
        collector(server).collect()
    assert sorted(server.paths) == sorted(f"/trpc/metrics.{endpoint}" for endpoint in ENDPOINTS)
    for request in server.requests:
        assert f"Authorization: Bearer {TOKEN}\r\n".encode() in request
        assert b"Accept-Encoding: identity\r\n" in request
        assert b"Cookie" not in request


def test_environment_has_no_say(monkeypatch, tmp_path):
    """Neither a proxy nor a .netrc of the machine gets between us and the application."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    with application() as server, HostileServer({}) as proxy:
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        outcome = collector(server, token=None).collect()
    assert outcome.failures == ()
    assert proxy.requests == []
    assert all(b"Authorization" not in request for request in server.requests)


# --- when it is not --------------------------------------------------------------------------------------------
ERROR = body({"error": {"message": "Boom", "code": -32603, "data": {"code": "INTERNAL_SERVER_ERROR"}}})
PAYLOAD = body({"result": {"data": DOCUMENTED["getFSM"]}})

HOSTILE: dict[str, tuple[Behaviour, Reason, str]] = {
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
    "deep nesting": (respond(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), Reason.PAYLOAD, "nested too deeply"),
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
        Reason.PAYLOAD,  # not that of its body, which is not read, but of what it points to
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
FIELDS: dict[str, tuple[bytes, str]] = {
    "NaN": (b"NaN", "got nan"),
    "Infinity": (b"Infinity", "got inf"),
    "beyond all numbers": (b"9" * 400, "got inf"),
    "null": (b"null", "got null"),
    "negative": (b"-2", "got -2"),
    "string number": (b'"2"', "got a string"),
    "boolean": (b"true", "got true"),
    "fraction": (b"1.5", "got 1.5"),
    "given twice": (b'2, "failed": 3', "got several values of that name"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_endpoint_fails_alone_and_in_time(name):
    """The failure has the right reason and says what happened; the other three endpoints answer as ever."""
    behaviour, reason, words = HOSTILE[name]
    with application({"getFSM": behaviour}) as server:
        started = time.monotonic()
        outcome = collector(server).collect()
        took = time.monotonic() - started
    assert took < IN_TIME
    assert {failure.reason for failure in outcome.failures} == {reason}
    assert all(failure.message.startswith("getFSM: ") for failure in outcome.failures)
    assert any(words in failure.message for failure in outcome.failures), outcome.failures
    assert up(outcome) == {"healthCheck": 1, "getFSM": 0, "getOutbox": 1, "getFallbacks": 1}
    assert not any(series.startswith("outbox_app_fsm") for series in values(outcome))
    assert values(outcome)["outbox_app_pending_jobs"] == 5


@pytest.mark.parametrize("name", FIELDS)
def test_hostile_field_fails_alone(name):
    """A bad field is one failure that names endpoint and field; the endpoint is up and its other fields count."""
    content, words = FIELDS[name]
    payload = PAYLOAD.replace(b'"failed": 2', b'"failed": ' + content)
    with application({"getFSM": respond(payload)}) as server:
        outcome = collector(server).collect()
    assert outcome.failures == (Failure(Reason.PAYLOAD, f"getFSM: failed: expected a whole number from 0, {words}"),)
    assert set(up(outcome).values()) == {1}
    assert values(outcome)["outbox_app_fsm_initializations_total succeeded"] == 998
    assert "outbox_app_fsm_initializations_total failed" not in values(outcome)


@pytest.mark.parametrize(
    "behaviour",
    [
        respond(gzipped(PAYLOAD), content_encoding="gzip"),
        raw(head(), PAYLOAD),
        raw(head(transfer_encoding="chunked"), f"{len(PAYLOAD):x}\r\n".encode(), PAYLOAD, b"\r\n0\r\n\r\n"),
        raw(head("100 Continue"), head(content_length=len(PAYLOAD)), PAYLOAD),
        respond(PAYLOAD + b" " * (1_000_000 - len(PAYLOAD))),
        respond(PAYLOAD, content_type="text/html; charset=utf-16"),
    ],
    ids=["gzip", "no length", "chunked", "100 Continue", "exactly max_bytes", "wrong content type"],
)
def test_unusual_but_honest_answer_counts(behaviour):
    """What is complete and within bounds is taken, however it was wrapped."""
    with application({"getFSM": behaviour}) as server:
        outcome = collector(server, timeout=IN_TIME).collect()
    assert outcome.failures == ()
    assert values(outcome)["outbox_app_fsm_initializations_total succeeded"] == 998


def test_one_byte_too_many():
    """The limit is exact."""
    with application({"getFSM": respond(PAYLOAD + b" " * (1_000_001 - len(PAYLOAD)))}) as server:
        (failure,) = collector(server, timeout=IN_TIME).collect().failures
    assert failure.message == "getFSM: larger than application.max_bytes = 1000000"


def test_redirect_within_the_origin_is_followed_with_the_token():
    """A moved path is no failure."""
    with application({"getFSM": redirect("/moved/getFSM", "308 Permanent Redirect")}) as server:
        server.behaviours["/moved/getFSM"] = respond(PAYLOAD)
        outcome = collector(server).collect()
    assert outcome.failures == ()
    assert sum(f"Bearer {TOKEN}".encode() in request for request in server.requests) == 5


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"])
def test_other_origin_never_hears_from_us(status):
    """A redirect to another port of the same host is another origin: no connection, no token."""
    with HostileServer({}) as elsewhere, application({"getFSM": redirect(f"{elsewhere.origin}/x", status)}) as server:
        outcome = collector(server).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.HTTP]
    assert elsewhere.requests == []


def test_application_that_is_down():
    """Nobody listens: four endpoints down, four failures, nothing else is said."""
    with application() as server:
        pass
    outcome = collector(server).collect()
    assert up(outcome) == dict.fromkeys(ENDPOINTS, 0)
    assert len(outcome.readings) == 4
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert {failure.message.partition(": ")[2] for failure in outcome.failures} == {"Connection refused"}


def test_name_that_does_not_resolve():
    """A wrong host name is a connection that cannot be made."""
    settings = ApplicationSettings(Url("http://application.invalid/trpc"), timeout=Seconds(IN_TIME))
    outcome = ApplicationCollector(settings).collect()
    assert {failure.reason for failure in outcome.failures} <= {Reason.CONNECTION, Reason.TIMEOUT}
    assert len(outcome.failures) == 4


def test_all_four_hang_no_longer_than_one():
    """The deadline is for all of them together."""
    with application(dict.fromkeys(ENDPOINTS, silence)) as server:
        started = time.monotonic()
        outcome = collector(server).collect()
        took = time.monotonic() - started
    assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
    assert took < 1.5  # one after another would take 2 s


def test_closing_ends_a_collection_at_once():
    """A program that is told to end does not wait for an application that hangs."""
    with application(dict.fromkeys(ENDPOINTS, silence)) as server:
        watching = collector(server, timeout=10 * IN_TIME)
        outcomes: list[Outcome] = []
        collecting = threading.Thread(target=lambda: outcomes.append(watching.collect()))
        collecting.start()
        assert settle(lambda: len(server.requests) == 4)
        watching.close()
        collecting.join(IN_TIME)
        assert not collecting.is_alive()
    assert [failure.reason for failure in outcomes[0].failures] == [Reason.TIMEOUT] * 4


def test_application_that_comes_back():
    """After a failure the next sample is as good as new, counters that restarted included."""
    with application({"getOutbox": silence}) as server:
        watching = collector(server)
        assert up(watching.collect())["getOutbox"] == 0
        server.behaviours["/trpc/metrics.getOutbox"] = respond(body({**DOCUMENTED["getOutbox"], "processed": 3}))
        outcome = watching.collect()
    assert outcome.failures == ()
    assert values(outcome)["outbox_app_processed_jobs_total"] == 3


# --- over TLS --------------------------------------------------------------------------------------------------
@pytest.fixture
def tls(monkeypatch, tmp_path) -> ssl.SSLContext:
    """A certificate for loopback that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_https_application(tls):
    """A certificate that can be verified is all it takes."""
    with application(tls=tls) as server:
        outcome = collector(server, timeout=IN_TIME).collect()
    assert outcome.failures == ()
    assert set(up(outcome).values()) == {1}


def test_certificate_that_nobody_vouches_for(tls, monkeypatch, tmp_path):
    """No request, and no token, goes to a server that cannot say who it is."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "other.pem"))
    with application(tls=tls) as server:
        outcome = collector(server, timeout=IN_TIME).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert all("certificate verify failed" in failure.message for failure in outcome.failures)
    assert server.requests == []


@pytest.mark.parametrize("name", ["steady drip in the headers", "steady drip in the body", "hang"])
def test_deadline_holds_over_tls(tls, name):
    """The wire is cut below TLS."""
    with application({"getFSM": HOSTILE[name][0]}, tls) as server:
        outcome = collector(server).collect()
        assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT]
        assert settle(lambda: not ours())
        assert sockets_to(server) == []


def test_handshake_that_never_ends():
    """A server that accepts and waits has not shaken hands; one that speaks no TLS is no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = Url(f"https://127.0.0.1:{listener.getsockname()[1]}/trpc")
        outcome = ApplicationCollector(ApplicationSettings(url, timeout=Seconds(0.3))).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
    with application() as server:
        url = Url(f"https://127.0.0.1:{server.port}/trpc")
        outcome = ApplicationCollector(ApplicationSettings(url, timeout=Seconds(IN_TIME))).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert settle(lambda: not ours())


# --- nothing leaks ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "behaviour",
    [
        HOSTILE["steady drip in the headers"][0],
        HOSTILE["steady drip in the body"][0],
        HOSTILE["reset within body"][0],
        HOSTILE["50 MB unannounced"][0],
        HOSTILE["redirect loop"][0],
        HOSTILE["lengths that disagree"][0],
        silence,
    ],
    ids=["drip in headers", "drip in body", "reset", "flood", "redirects", "bad header", "silence"],
)
def test_failing_samples_leave_nothing_behind(behaviour):
    """A hundred failing samples leave no thread running and no socket open, and need no garbage collector for it."""
    gc.disable()
    try:
        with application({"getFSM": behaviour, "healthCheck": behaviour}) as server:
            watching = collector(server, timeout=0.03)
            for _ in range(100):
                assert up(watching.collect())["getFSM"] == 0
            assert settle(lambda: not ours())
            assert sockets_to(server) == []
    finally:
        gc.enable()


def ours() -> list[threading.Thread]:
    """The threads of collectors."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("application-")]


def sockets_to(server: HostileServer) -> list[object]:
    """The client's ends of connections to the server that this process holds."""
    connections = psutil.Process(os.getpid()).net_connections("tcp")
    return [connection for connection in connections if connection.raddr and connection.raddr.port == server.port]


def settle(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within a generous time."""
    patience = time.monotonic() + IN_TIME
    while not condition() and time.monotonic() < patience:
        time.sleep(0.01)
    return condition()


def test_request_that_cannot_be_interrupted_is_not_joined_by_others(monkeypatch):
    """A resolver that hangs holds one thread for each endpoint, however often we sample, and comes back to life."""
    answers, resolve = threading.Event(), socket.getaddrinfo

    def hanging(*args, **kwargs):
        answers.wait(4 * IN_TIME)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with application() as server:
        watching = collector(server)
        for _ in range(3):
            outcome = watching.collect()
            assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
            assert len(ours()) == 4
        answers.set()
        assert settle(lambda: not ours())
        assert not any(server.requests), "a request that was given up was sent all the same"
        assert watching.collect().failures == ()


# --- nothing is given away -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words",
    [
        f"invalid token {TOKEN}",
        f"{'x' * (LONGEST_MESSAGE - 20)} {TOKEN}",
        f"{TOKEN}\n{TOKEN}",
        "cannot reach postgresql://admin:tok-5ecr3t@db.internal:5432/x",
    ],
)
def test_no_secret_in_a_message(words):
    """An application that quotes our token, or its own password, does not get it into our logs."""
    with application({"getFSM": respond(body({"error": {"message": words}}), "401 Unauthorized")}) as server:
        (failure,) = collector(server).collect().failures
    assert failure.reason is Reason.HTTP
    assert "5ecr" not in failure.message
    assert HIDDEN in failure.message or len(failure.message) == LONGEST_MESSAGE


def test_message_is_one_short_printable_line():
    """Megabytes with line breaks, terminal escapes and half a character become one line."""
    words = "Zod:\n\t[{}]\x1b[31m \ud800 \u202e" + "x\n" * 300_000
    with application({"getFSM": respond(body({"error": {"message": words}}), "400 Bad Request")}) as server:
        (failure,) = collector(server, timeout=IN_TIME).collect().failures
    assert failure.message.startswith("getFSM: HTTP 400: Zod: [{}]?[31m ? ?x x x")
    assert failure.message.isprintable()
    assert len(failure.message) <= LONGEST_MESSAGE


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel", "tab\t"])
def test_token_that_no_header_can_carry_is_refused_at_once(token):
    """Found when the program starts, and not shown."""
    with pytest.raises(ConfigError, match="bearer_token") as caught:
        ApplicationCollector(ApplicationSettings(Url("http://localhost/trpc"), Secret(token)))
    assert token not in str(caught.value)


# --- whatever comes --------------------------------------------------------------------------------------------
def test_four_different_evils_at_once():
    """Each endpoint is judged by itself."""
    evils: dict[str, Behaviour] = {
        "healthCheck": silence,
        "getFSM": respond(ERROR, "500 Oops"),
        "getOutbox": respond(b"<html>"),
        "getFallbacks": reset(),
    }
    with application(evils) as server:
        outcome = collector(server).collect()
    reasons = {failure.message.partition(":")[0]: failure.reason for failure in outcome.failures}
    assert reasons == {
        "healthCheck": Reason.TIMEOUT,
        "getFSM": Reason.HTTP,
        "getOutbox": Reason.PAYLOAD,
        "getFallbacks": Reason.CONNECTION,
    }


ANSWERS = (
    head(content_length=len(PAYLOAD)) + PAYLOAD,
    head(transfer_encoding="chunked") + f"{len(PAYLOAD):x}\r\n".encode() + PAYLOAD + b"\r\n0\r\n\r\n",
    head("302 Found", location="/trpc/metrics.getOutbox", content_length=0),
    head("302 Found", location="http://127.0.0.1:1/x?y=z#f", content_length=0),
    head(content_encoding="gzip", content_length=len(gzipped(PAYLOAD))) + gzipped(PAYLOAD),
    head("500 Oops", set_cookie="a=b; Domain=localhost", content_length=len(ERROR)) + ERROR,
)


NOISE = (b"\x00", b"\r\n", b"\n", b":", b" ", b"\xff", b"-1", b"[", b"//", b"9" * 20)


def damaged(randomness: random.Random, answer: bytes) -> bytes:
    """An answer after a few accidents on the line, most of them in its head."""
    result = bytearray(answer)
    for _ in range(randomness.randint(1, 4)):
        place = randomness.randrange(min(len(result), randomness.choice((120, len(result)))))
        noise = randomness.choice(
            (b"\x00", b"\r\n", b"\n", b":", b" ", b"\xff", b"-1", b"[", b"//", b"99999999999999999999")
        )
        result[place : place + randomness.randint(0, 3)] = noise
    return bytes(result)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_over_the_line_is_an_outcome(seed):
    """Hundreds of damaged answers: never an exception, always four endpoints, each down one with its reason."""
    randomness = random.Random(seed)
    with application() as server:
        watching = collector(server, timeout=0.2)
        for _ in range(60):
            for endpoint in ENDPOINTS:
                answer = damaged(randomness, randomness.choice(ANSWERS))
                server.behaviours[f"/trpc/metrics.{endpoint}"] = raw(answer)
            outcome = watching.collect()
            down = {endpoint for endpoint, value in up(outcome).items() if value == 0}
            blamed = {failure.message.partition(":")[0] for failure in outcome.failures}
            assert set(up(outcome)) == set(ENDPOINTS)
            assert down <= blamed
            assert Reason.INTERNAL not in {failure.reason for failure in outcome.failures}
