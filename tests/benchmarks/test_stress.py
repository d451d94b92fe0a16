"""The slow table of the mode `slow`."""

from benchmarks import stress
from tests.benchmarks.small import value


def test_the_archive_makes_reads_expensive_and_changes_no_result(database):
    """A read of events includes the archive, whose only row is too old to count."""
    query = "SELECT count(*) FROM fsm_events WHERE created_at >= now() - INTERVAL '2 hours'"
    before = value(database, query)
    stress._slow_down(database, 0.0)
    with database.connect() as connection:
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + query))
    assert "Foreign Scan on fsm_events_archive" in plan
    assert abs(value(database, query) - before) < 200  # the last two hours have moved on
    assert value(database, "SELECT count(*) FROM fsm_events_archive") == 1
