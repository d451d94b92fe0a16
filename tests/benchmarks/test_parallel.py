"""Processor time of exporters that run in parallel."""

from dataclasses import replace

import psycopg

from benchmarks import exporters, measure
from benchmarks.parallel import side_by_side
from benchmarks.traffic import SteadyTraffic
from tests.benchmarks.small import SIZE


def test_parallel_exporters_are_measured_separately(database, tmp_path):
    """Two exporters over the same data, each with its own role and its own processor time."""
    exporter = exporters.ours()
    twin = replace(exporter, name="twin", role="twin")
    with psycopg.connect(database.server.dsn(), autocommit=True) as observer:
        testbed = measure.Testbed(
            database, SteadyTraffic(database, SIZE), observer, "http://127.0.0.1:9/trpc", tmp_path
        )
        found = side_by_side(testbed, (exporter, twin), minutes=0.02, settling=1.0)
    assert found.keys() == {exporter.name, "twin"}
    assert all(0 < seconds < 60 for seconds in found.values())
