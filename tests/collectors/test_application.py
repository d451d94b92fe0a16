"""The application collector against real sockets: every way to answer badly ends in the right failure, in time."""

import gc
import socket
import time
from collections.abc import Iterator

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import Reason
from exporter.core.types import Url
from exporter.metrics.readings import CollectorFailure
from tests.application.samples import DIALECTS, DOCUMENTED, body
from tests.collectors.application_helpers import BATCH_PATH, SHORT, TIME_LIMIT, TOKEN, collector, up, values
from tests.collectors.faulty_responses import ERROR, FAULTY_RESPONSES, PAYLOAD
from tests.collectors.hostile import (
    Behaviour,
    HostileServer,
    application,
    gzipped,
    head,
    raw,
    redirect,
    reset,
    respond,
    silence,
)


@pytest.fixture(autouse=True)
def _sockets_are_closed_not_collected() -> Iterator[None]:
    """A socket left to the garbage collector is a ResourceWarning, which fails this test and not a later one."""
    yield
    gc.collect()


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


def test_last_processed_is_the_processors_own_value():
    """Two deployed endpoints publish the value; it becomes one series, and the health check replaces the processor."""
    deployed = DIALECTS["deployed"]
    behaviours = {endpoint: respond(body(deployed[endpoint])) for endpoint in ENDPOINTS}
    with application(behaviours) as server:
        both = values(collector(server).collect())
        server.behaviours["/trpc/metrics.getOutbox"] = respond(b"", "503 Service Unavailable")
        one = values(collector(server).collect())
    assert both["outbox_app_last_processed_timestamp_seconds"] == 1763460001.5
    assert one["outbox_app_last_processed_timestamp_seconds"] == 1763460001.25


def test_request_names_the_client_and_the_accepted_types():
    """All together, then each endpoint once, with the token, for JSON that is not compressed."""
    with application() as server:
        collector(server).collect()
    assert server.paths[0] == BATCH_PATH
    assert sorted(server.paths[1:]) == sorted(f"/trpc/metrics.{endpoint}" for endpoint in ENDPOINTS)
    for request in server.requests:
        assert f"Authorization: Bearer {TOKEN}\r\n".encode() in request
        assert b"Accept-Encoding: identity\r\n" in request
        assert b"Cookie" not in request


def test_environment_is_ignored(monkeypatch, tmp_path):
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


@pytest.mark.parametrize("name", FAULTY_RESPONSES)
def test_hostile_endpoint_fails_alone_and_in_time(name):
    """The failure has the right reason and message; the other three endpoints answer as before."""
    behaviour, reason, words = FAULTY_RESPONSES[name]
    with application({"getFSM": behaviour}) as server:
        started = time.monotonic()
        outcome = collector(server, SHORT if reason is Reason.TIMEOUT else 2 * TIME_LIMIT).collect()
        took = time.monotonic() - started
    assert took < TIME_LIMIT
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
    assert outcome.failures == (
        CollectorFailure(Reason.PAYLOAD, f"getFSM: failed: expected a whole number from 0, {words}"),
    )
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
    """A complete payload within bounds is accepted, in any wrapping."""
    with application({"getFSM": behaviour}) as server:
        outcome = collector(server).collect()
    assert outcome.failures == ()
    assert values(outcome)["outbox_app_fsm_initializations_total succeeded"] == 998


def test_one_byte_too_many():
    """The limit is exact."""
    with application({"getFSM": respond(PAYLOAD + b" " * (1_000_001 - len(PAYLOAD)))}) as server:
        (failure,) = collector(server).collect().failures
    assert failure.message == "getFSM: larger than application.max_bytes = 1000000"


def test_redirect_within_the_origin_is_followed_with_the_token():
    """A moved path is no failure."""
    with application({"getFSM": redirect("/moved/getFSM", "308 Permanent Redirect")}) as server:
        server.behaviours["/moved/getFSM"] = respond(PAYLOAD)
        outcome = collector(server).collect()
    assert outcome.failures == ()
    assert sum(f"Bearer {TOKEN}".encode() in request for request in server.requests) == 6


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"])
def test_no_request_goes_to_another_origin(status):
    """A redirect to another port of the same host is another origin: no connection, no token."""
    with HostileServer({}) as elsewhere, application({"getFSM": redirect(f"{elsewhere.origin}/x", status)}) as server:
        outcome = collector(server).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.HTTP]
    assert elsewhere.requests == []


def test_application_that_is_down():
    """Connection refused: four endpoints down, four failures, no other reading."""
    with application() as server:
        pass
    outcome = collector(server).collect()
    assert up(outcome) == dict.fromkeys(ENDPOINTS, 0)
    assert len(outcome.readings) == 4
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert {failure.message.partition(": ")[2] for failure in outcome.failures} == {"Connection refused"}


def test_name_that_does_not_resolve(monkeypatch):
    """A wrong host name is a connection that cannot be made."""

    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # a real look-up would leave this machine
    settings = ApplicationSettings(Url("http://application.example/trpc"))
    outcome = ApplicationCollector(settings).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert outcome.failures[0].message.endswith(": Name or service not known")


def test_all_four_hang_no_longer_than_one():
    """The deadline is for all of them together."""
    with application(dict.fromkeys(ENDPOINTS, silence)) as server:
        started = time.monotonic()
        outcome = collector(server, SHORT).collect()
        took = time.monotonic() - started
    assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
    assert took < 3 * SHORT  # one after another would take four times as long


def test_application_is_sampled_after_an_outage():
    """After a failure the next sample is as good as new, counters that restarted included."""
    with application({"getOutbox": silence}) as server:
        watching = collector(server, SHORT)
        assert up(watching.collect())["getOutbox"] == 0
        server.behaviours["/trpc/metrics.getOutbox"] = respond(body({**DOCUMENTED["getOutbox"], "processed": 3}))
        outcome = watching.collect()
    assert outcome.failures == ()
    assert values(outcome)["outbox_app_processed_jobs_total"] == 3


def test_four_different_faults_at_once():
    """Endpoints are independent of each other."""
    faults: dict[str, Behaviour] = {
        "healthCheck": silence,
        "getFSM": respond(ERROR, "500 Oops"),
        "getOutbox": respond(b"<html>"),
        "getFallbacks": reset(),
    }
    with application(faults) as server:
        outcome = collector(server, SHORT).collect()
    reasons = {failure.message.partition(":")[0]: failure.reason for failure in outcome.failures}
    assert reasons == {
        "healthCheck": Reason.TIMEOUT,
        "getFSM": Reason.HTTP,
        "getOutbox": Reason.PAYLOAD,
        "getFallbacks": Reason.CONNECTION,
    }
