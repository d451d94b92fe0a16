"""Looking over the server's shoulder, and waiting for things to happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, generate_latest

from exporter.metrics.exposition import OutboxCollector
from exporter.sampling.sampler import Sampler
from tests.postgres import Database

TIMEOUT = 15.0
OURS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outbox-exporter' AND datname = current_database()"
)


def until(condition: Callable[[], object], timeout: float = TIMEOUT) -> float:
    """Waits for a condition; answers how long it took, seconds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - started


class Backends:
    """Counts our backends all the time; a context manager."""

    def __init__(self, database: Database) -> None:
        self.most = 0
        self._connection = database.connect()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def now(self) -> int:
        """How many there are now."""
        row = self._connection.execute(OURS).fetchone()
        assert row is not None
        return int(row[0])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._connection.close()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, self.now())


class Page:
    """/metrics of a sampling, without HTTP."""

    def __init__(self, sampling: Sampler) -> None:
        self._sampling = sampling
        self._registry = CollectorRegistry()
        self._registry.register(OutboxCollector(lambda: sampling.store, "test", dict, lambda: True))

    def scrape(self) -> dict[str, float]:
        """Every sample line, by everything before its value."""
        text = generate_latest(self._registry).decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in lines}

    def has(self, name: str) -> bool:
        """Whether a series of that name is there."""
        return any(series.split("{")[0] == name for series in self.scrape())

    def up(self) -> bool:
        """outbox_up."""
        return self.scrape()["outbox_up"] == 1

    def ten_scrapes_during_a_run(self) -> bool:
        """Scrape ten times; whether no run of a collector ended meanwhile. To be repeated with `until` in an outage.

        A scrape that waits for the database is answered when the run in progress ends, so no two of them fit between
        two ends. The runs of these tests take at most 2 s: ten scrapes in that time also bound what a scrape may wait
        for anything else. The order of events holds on a busy machine; the duration of a scrape does not.
        """
        ended = self._ended_runs()
        for _ in range(10):
            self.scrape()
        return self._ended_runs() == ended

    def _ended_runs(self) -> int:
        return sum(state.runs for state in self._sampling.store.states())

    def failures(self) -> dict[tuple[str, str], float]:
        """Failures that happened, by collector and reason."""
        prefix = "outbox_collector_failures_total"
        counted: dict[tuple[str, str], float] = {}
        for series, value in self.scrape().items():
            if series.startswith(prefix) and value:
                collector, reason = series[len(prefix) :].split('"')[1::2]
                counted[collector, reason] = value
        return counted


def all_succeeded(sampling: Sampler) -> bool:
    """Whether the last run of every database collector succeeded."""
    return all(state.success for state in sampling.store.states())
