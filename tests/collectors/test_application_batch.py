"""Four procedures in one request: applications that support it, and those that do not."""

import time

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import UNBATCHED_SAMPLES, ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.types import Seconds, Url
from exporter.lab.application.dialects import ApplicationDialect, Envelope
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry
from exporter.metrics.catalogue import APP_HEALTHY
from tests.application.samples import DOCUMENTED, body
from tests.collectors.application_helpers import BATCH_PATH, TIME_LIMIT, TOKEN, collector, up, values
from tests.collectors.hostile import Behaviour, HostileServer, application, head, raw, reset, respond, silence, stall

RESULTS = [{"result": {"data": DOCUMENTED[endpoint]}} for endpoint in ENDPOINTS]
ALONE = [f"/trpc/metrics.{endpoint}" for endpoint in ENDPOINTS]
ALL_UP = dict.fromkeys(ENDPOINTS, 1.0)
ERROR = {"error": {"message": "no", "code": -32603, "data": {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500}}}


def together(behaviour: Behaviour, server: HostileServer) -> None:
    """From now on it answers so when all four are asked at once."""
    server.behaviours[BATCH_PATH] = behaviour


def test_one_request_for_all_four():
    """An application with batching gets one request per sample, with the token, and gives the same readings."""
    with application() as server:
        one_by_one = values(collector(server).collect())
        together(respond(body(RESULTS)), server)
        server.requests.clear()
        watching = collector(server)
        outcomes = [watching.collect() for _ in range(3)]
    assert server.paths == [BATCH_PATH] * 3
    assert all(f"Authorization: Bearer {TOKEN}\r\n".encode() in request for request in server.requests)
    assert all(values(outcome) == one_by_one and not outcome.failures for outcome in outcomes)


@pytest.mark.parametrize(
    "behaviour",
    [
        respond(b"<html>Not found</html>", "404 Not Found"),
        respond(body(RESULTS), "207 Multi-Status"),
        respond(body([*RESULTS[:3], ERROR])),
        respond(body([*RESULTS[:3], {}])),
        respond(body([*RESULTS[:3], None])),
        respond(body(RESULTS[:3])),
        respond(body([*RESULTS, RESULTS[0]])),
        respond(body(RESULTS[0])),
        respond(b"[" * 100_000),
        respond(body(RESULTS)[:-1]),
        respond(body(RESULTS) + b" " * 1_000_000),
        respond(b"", "301 Moved Permanently", location="http://127.0.0.1:1/"),
        raw(head(content_length=10_000), body(RESULTS)),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        reset(),
        silence,
        stall(head(content_length=10_000)),
    ],
)
def test_other_applications_get_single_requests(behaviour):
    """Nothing is lost, nothing is complained of, nothing takes long, and it is not tried again at the next sample."""
    with application() as server:
        together(behaviour, server)
        watching = collector(server)
        started = time.monotonic()
        outcome = watching.collect()
        assert time.monotonic() - started < TIME_LIMIT
        assert outcome.failures == ()
        assert up(outcome) == ALL_UP
        assert BATCH_PATH in server.paths
        server.requests.clear()
        assert up(watching.collect()) == ALL_UP
        assert sorted(server.paths) == sorted(ALONE)


def test_it_is_tried_again_after_a_while():
    """An application that was upgraded is asked together within an hour."""
    with application() as server:
        watching = collector(server)
        watching.collect()
        together(respond(body(RESULTS)), server)
        server.requests.clear()
        for _ in range(UNBATCHED_SAMPLES):
            assert up(watching.collect()) == ALL_UP
    assert server.paths.count(BATCH_PATH) == 1
    assert server.paths[-1] == BATCH_PATH


def test_an_application_that_was_down_gets_batches_when_it_is_up():
    """An application that does not answer does not change the mode."""
    with application(dict.fromkeys(ENDPOINTS, reset())) as server:
        together(reset(), server)
        watching = collector(server)
        assert up(watching.collect()) == dict.fromkeys(ENDPOINTS, 0)
        together(respond(body(RESULTS)), server)
        server.requests.clear()
        assert up(watching.collect()) == ALL_UP
    assert server.paths == [BATCH_PATH]


@pytest.mark.parametrize("dialect", ApplicationDialect)
@pytest.mark.parametrize("envelope", Envelope)
def test_the_stand_in_answers_the_same_either_way(dialect, envelope):
    """In every dialect and envelope, bare ones included, which know no batch."""
    with Application(Telemetry(), dialect, envelope) as stand_in:
        settings = ApplicationSettings(Url(stand_in.url), timeout=Seconds(TIME_LIMIT))
        watching = ApplicationCollector(settings)
        outcomes = [watching.collect() for _ in range(2)]
    for outcome in outcomes:
        assert up(outcome) == ALL_UP
        assert APP_HEALTHY.name in values(outcome)
        assert outcome.failures == ()
