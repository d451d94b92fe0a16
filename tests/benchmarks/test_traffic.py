"""The traffic during a measurement."""

import time
from dataclasses import replace

from benchmarks.traffic import SteadyTraffic
from tests.benchmarks.small import PENDING, SIZE, value

PROCESSED = "SELECT count(*) FROM job_outbox WHERE processed_at IS NOT NULL"


def test_traffic_processes_its_own_jobs(database):
    """After its end its jobs exist, and none of them is pending."""
    before = value(database, PROCESSED)
    with SteadyTraffic(database, replace(SIZE, rate=3_600_000)):
        deadline = time.monotonic() + 20
        while value(database, PROCESSED) == before and time.monotonic() < deadline:
            time.sleep(0.05)
    assert value(database, PROCESSED) > before
    assert value(database, PENDING) == 0
