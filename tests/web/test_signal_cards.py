"""The signals on the status page: unknown is not shown as zero, and has a reason."""

import re

from tests import webtools
from tests.web.test_pages import read


def test_the_five_signals_are_there():
    text = read().text
    for value in ("1,234", "3 min 25 s", "1.2 s", "5,431", "API 5,120, QUEUE 0, WORKER 311", "48,211", "0.2 %"):
        assert value in text


def test_unknown_is_not_zero():
    seen = read(signals=dict.fromkeys(webtools.status()["signals"])).text
    signals = seen[seen.index("Signals") : seen.index("No watch has started")]
    assert signals.count("unknown") == 5
    assert "0" not in signals


def test_uncounted_jobs_are_shown_with_the_reason():
    """Nothing is shown when there are none, or when the number is unknown."""
    seen = read(unaccounted={"removed": 3.0, "uncounted": 40.0, "doubled": 2.0}).text
    assert "Not accounted for since the start: 40 jobs whose processed_at is too far from now" in seen
    assert "3 jobs whose rows were deleted; 2 jobs whose processed_at was set twice" in seen
    for quiet in ({"removed": 0.0, "uncounted": 0.0}, None):
        assert "Not accounted for" not in read(unaccounted=quiet).text


def test_what_is_unknown_at_present():
    """The cards stay, and one sentence per reason says why they have no number."""
    reasons = {
        "outbox_last_hour_failure_ratio": "rows were <b>deleted</b>",
        "outbox_last_hour_processed_jobs": "a",
        "x": "a",
    }
    seen = " ".join(read(unknown_now=reasons).text.split())
    assert "Unknown at present: rows were <b>deleted</b> (outbox_last_hour_failure_ratio)" in seen
    assert "Unknown at present: a (outbox_last_hour_processed_jobs, x)" in seen
    assert "Failure ratio" in seen
    assert "Unknown at present" not in read().text


def test_what_the_outbox_cannot_have():
    """Its cards are not there, the reasons are; jobs that are scheduled or running have cards where they are known."""
    seen = read(
        unknown_metrics={
            "outbox_idempotency_keys": "belongs to the default tables",
            "outbox_migration_checks": "belongs to the default tables",
            "outbox_last_hour_processing_time_avg_seconds": "the row of a processed job is deleted",
        },
        left_out={"the row of a processed job is deleted": ["OutboxProcessingSlow"]},
        scheduled=12.0,
        running=0.0,
    ).text
    assert "Not known of this outbox" in seen
    assert "belongs to the default tables: outbox_idempotency_keys, outbox_migration_checks" in seen
    deleted = (
        "the row of a processed job is deleted: outbox_last_hour_processing_time_avg_seconds, OutboxProcessingSlow"
    )
    assert deleted in seen
    for absent in ("Idempotency keys", "Processing time", "Migration"):
        assert absent not in seen
    words = " ".join(seen.split())
    assert re.search(r"Scheduled jobs ?12 ?not due yet; no backlog", words)
    assert re.search(r"Running jobs ?0 ?a worker has them; no backlog", words)
    usual = read().text
    for absent in ("Not known of this outbox", "Scheduled jobs", "Running jobs"):
        assert absent not in usual
