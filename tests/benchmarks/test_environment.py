"""The surroundings of a measurement on a real server."""

from pathlib import Path

from benchmarks.__main__ import parser, plan_of
from benchmarks.environment import Environment
from benchmarks.plan import Variant
from benchmarks.server import BenchmarkDatabase
from tests.benchmarks.small import PENDING, SIZE, value

INDEX = "SELECT count(*) FROM pg_indexes WHERE indexname = 'idx_fsm_events_created'"


def test_a_testbed_is_a_changed_copy(filled, tmp_path: Path):
    """In its variant, with the backlog and with traffic; the filled database stays as it is."""
    environment = Environment(
        plan_of(parser().parse_args([])), filled.server, "http://127.0.0.1:9/trpc", "http://127.0.0.1:9", tmp_path
    )
    prepared: list[BenchmarkDatabase] = []
    with environment.testbed(SIZE, Variant.DEPLOYED, [], prepared.append) as testbed:
        assert [database.name for database in prepared] == [testbed.database.name] == ["outbox_deployed_60000"]
        assert value(testbed.database, INDEX) == 0
        assert value(testbed.database, PENDING) >= SIZE.pending
    assert not testbed.database.exists
    source = BenchmarkDatabase(filled.server, f"outbox_{SIZE.jobs}_{SIZE.events}_{SIZE.keys}")
    assert (value(source, INDEX), value(source, PENDING)) == (1, 0)
