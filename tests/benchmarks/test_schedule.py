"""Actions at equal intervals."""

import time

from benchmarks.schedule import Routine, repeat


def test_each_routine_runs_at_its_own_interval():
    """In the order in which they are due, also when they are late, and again with a later `until`."""
    begun, seen = time.monotonic() - 100, list[str]()
    routines = [
        Routine(lambda: seen.append("often"), 10, begun),
        Routine(lambda: seen.append("once"), 90, begun + 5),
    ]
    repeat(routines, begun + 25)
    assert seen == ["often", "once", "often", "often"]
    repeat(routines, begun + 35)
    assert seen == ["often", "once", "often", "often", "often"]
