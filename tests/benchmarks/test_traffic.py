"""The traffic during a measurement."""

import time
from dataclasses import replace

from benchmarks.traffic import SteadyTraffic
from tests.benchmarks.small import PENDING, SIZE, value


def test_traffic_processes_its_own_jobs(database):
    """After its end its jobs exist, and none of them is pending."""
    before = value(database, "SELECT count(*) FROM job_outbox")
    with SteadyTraffic(database, replace(SIZE, rate=3_600_000)) as traffic:
        deadline = time.monotonic() + 20
        while traffic.transactions < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert traffic.transactions >= 2
    assert value(database, "SELECT count(*) FROM job_outbox") > before
    assert value(database, PENDING) == 0
