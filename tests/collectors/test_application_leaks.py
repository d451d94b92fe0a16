"""Nothing leaks: the collector ends in time with few threads, no open socket and little memory, whatever it meets."""

import gc
import socket
import threading
import tracemalloc

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorOutcome
from tests.collectors.application_helpers import (
    SHORT,
    TIME_LIMIT,
    becomes_true,
    collector,
    collector_threads,
    sockets_to,
    up,
)
from tests.collectors.faulty_responses import FAULTY_RESPONSES
from tests.collectors.hostile import application, silence


@pytest.mark.parametrize(
    "behaviour",
    [
        FAULTY_RESPONSES["steady drip in the headers"][0],
        FAULTY_RESPONSES["steady drip in the body"][0],
        FAULTY_RESPONSES["reset within body"][0],
        FAULTY_RESPONSES["50 MB unannounced"][0],
        FAULTY_RESPONSES["redirect loop"][0],
        FAULTY_RESPONSES["lengths that disagree"][0],
        FAULTY_RESPONSES["gzip bomb"][0],
        FAULTY_RESPONSES["HTML 200"][0],
        silence,
    ],
    ids=["drip in headers", "drip in body", "reset", "flood", "redirects", "bad header", "bomb", "HTML", "silence"],
)
def test_failing_samples_leave_nothing_behind(behaviour):
    """A hundred failing samples leave no thread running and no socket open, and need no garbage collector for it."""
    gc.disable()
    try:
        with application({"getFSM": behaviour, "healthCheck": behaviour}) as server:
            watching = collector(server, timeout=0.03)
            for _ in range(100):
                assert up(watching.collect())["getFSM"] == 0
            assert becomes_true(lambda: not collector_threads())
            assert sockets_to(server) == []
    finally:
        gc.enable()


def test_request_that_cannot_be_interrupted_is_not_joined_by_others(monkeypatch):
    """A resolver that hangs holds one thread for each endpoint, however often we sample, and comes back to life."""
    answers, resolve = threading.Event(), socket.getaddrinfo

    def hanging(*args, **kwargs):
        answers.wait(4 * TIME_LIMIT)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with application() as server:
        watching = collector(server, SHORT)
        for _ in range(3):
            outcome = watching.collect()
            assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
            assert len(collector_threads()) == 5  # all at once, and one by one
        answers.set()
        assert becomes_true(lambda: not collector_threads())
        assert not any(server.requests), "an aborted request was sent all the same"
        assert watching.collect().failures == ()


def test_closing_ends_a_collection_at_once():
    """At the end of the program, a hanging application is not waited for."""
    with application(dict.fromkeys(ENDPOINTS, silence)) as server:
        watching = collector(server, timeout=10 * TIME_LIMIT)
        outcomes: list[CollectorOutcome] = []
        collecting = threading.Thread(target=lambda: outcomes.append(watching.collect()))
        collecting.start()
        assert becomes_true(lambda: len(server.requests) == 4)
        watching.close()
        collecting.join(TIME_LIMIT)
        assert not collecting.is_alive()
    assert [failure.reason for failure in outcomes[0].failures] == [Reason.TIMEOUT] * 4


@pytest.mark.parametrize("name", ["gzip bomb", "50 MB announced", "50 MB unannounced", "50 MB of a redirect"])
def test_size_of_an_answer_is_not_the_size_of_our_memory(name):
    """Too large a body is stopped at the limit, not read or inflated first and refused then."""
    with application({"getFSM": FAULTY_RESPONSES[name][0]}) as server:
        watching = collector(server)
        tracemalloc.start()
        watching.collect()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10_000_000  # max_bytes is 1 MB, the server's own megabyte is counted, too
