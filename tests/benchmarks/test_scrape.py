"""Reading an exposition."""

from __future__ import annotations

from benchmarks.scrape import Sample, is_complete, samples

TEXT = """\
# HELP outbox_pending_jobs Unprocessed jobs.
# TYPE outbox_pending_jobs gauge
outbox_pending_jobs{state="waiting"} 1020.0
outbox_pending_jobs{state="failing"} 1.2e+02
outbox_up 1.0 1700000000

outbox_ratio NaN
# EOF
"""


def test_samples_have_name_labels_and_value():
    """Comments and empty lines are none; a timestamp behind the value is no part of it."""
    assert list(samples(TEXT))[:3] == [
        Sample("outbox_pending_jobs", {"state": "waiting"}, 1020.0),
        Sample("outbox_pending_jobs", {"state": "failing"}, 120.0),
        Sample("outbox_up", {}, 1.0),
    ]
    assert sum(1 for _ in samples(TEXT)) == 4


def test_complete_means_every_metric_has_a_sample():
    """A HELP line alone is not a value."""
    assert is_complete(TEXT, ("outbox_up", "outbox_pending_jobs"))
    assert not is_complete("# HELP outbox_up Up.\n", ("outbox_up",))
