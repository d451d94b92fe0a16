"""Helpers of the application collector's tests: a collector, its log, and its threads and sockets."""

import os
import threading
import time
from collections.abc import Callable

import psutil

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.types import Certificates, Seconds, Secret, Url
from exporter.metrics.catalogue import APP_UP
from exporter.metrics.readings import CollectorOutcome, Reading
from tests.collectors.hostile import HostileServer

TOKEN = "tok-5ecr3t/+=="
# How all endpoints are asked at once.
BATCH_PATH = f"/trpc/{','.join(f'metrics.{endpoint}' for endpoint in ENDPOINTS)}?batch=1"
# A deadline for those who hang, with room for the others to answer on a busy machine.
SHORT = 1
# Far above that deadline, and far below the duration of a failed one.
TIME_LIMIT = 5


def collector(
    server: HostileServer,
    timeout: float = TIME_LIMIT,
    token: str | None = TOKEN,
    authorities: Certificates | None = None,
) -> ApplicationCollector:
    """A collector of that server's endpoints."""
    secret = None if token is None else Secret(token)
    url = Url(f"{server.origin}/trpc")
    return ApplicationCollector(ApplicationSettings(url, secret, Seconds(timeout), ca_file=authorities))


def up(outcome: CollectorOutcome) -> dict[str, float]:
    """The value of outbox_app_up by endpoint."""
    return {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric is APP_UP
    }


def values(outcome: CollectorOutcome) -> dict[str, float]:
    """All readings by name and labels."""
    return {
        " ".join((reading.metric.name, *reading.labels)): reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading)
    }


def collector_threads() -> list[threading.Thread]:
    """The threads of collectors."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("application-")]


def sockets_to(server: HostileServer) -> list[object]:
    """The client's ends of connections to the server that this process holds."""
    connections = psutil.Process(os.getpid()).net_connections("tcp")
    return [connection for connection in connections if connection.raddr and connection.raddr.port == server.port]


def becomes_true(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within a generous time."""
    deadline = time.monotonic() + TIME_LIMIT
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
