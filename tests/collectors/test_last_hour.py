"""The last hour's figures, and the cases in which they are unknown, without a database."""

from __future__ import annotations

import pytest

from exporter.collectors.conservation import Conservation
from exporter.collectors.inserted_rows import Search
from exporter.collectors.last_hour import (
    FailingJobs,
    LastHourCollector,
    ProcessedInHour,
    averages,
    by_queue,
    failure_ratio,
)
from exporter.collectors.retention import RowRetention
from exporter.config.settings import SamplingSettings
from exporter.metrics import catalogue
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import UnknownValue
from tests.collectors.fake_database import NOW, FakeClient, FakeIndexes, FakeSession, row_of, values


def failing(jobs: int, examined: int, queue: str | None = None, *, is_total: bool = True) -> FailingJobs:
    return FailingJobs(is_total, queue, jobs, examined, 0, 0, 0)


@pytest.mark.parametrize(
    ("jobs", "examined", "processed", "ratio"),
    [
        (1, 10, 3, 0.25),
        (0, 0, 5, 0.0),
        (3, 3, 0, 1.0),
        (0, 0, 0, None),
        (1, 99, 3, 0.25),
        (1, 100, 3, None),
        (1, 101, 3, None),
    ],
)
def test_the_failure_ratio_is_unknown_without_attempts_and_for_a_truncated_backlog(jobs, examined, processed, ratio):
    """With 100 rows looked at and a limit of 100 there may be more."""
    expected = {} if ratio is None else {("outbox_last_hour_failure_ratio",): ratio}
    assert values(failure_ratio(failing(jobs, examined), processed, 100)) == expected


def hour(**given: object) -> dict[str, object]:
    return row_of(
        ProcessedInHour, **{"queue": None, "is_total": False, "created_avg": None, "processed_avg": None, **given}
    )


def test_an_average_is_absent_where_its_cohort_is_empty():
    """0 seconds is an average."""
    metric = "outbox_last_hour_processing_time_avg_seconds"
    assert values(averages(ProcessedInHour(**hour(created_avg=0.0)))) == {(metric, "created"): 0.0}  # type: ignore[arg-type]
    both = ProcessedInHour(**hour(created_avg=1.5, processed_avg=2.5))  # type: ignore[arg-type]
    assert values(averages(both)) == {(metric, "created"): 1.5, (metric, "processed"): 2.5}


def test_queues_leave_out_the_total_and_add_up_under_other():
    """A queue without jobs has no series."""
    rows = [
        ProcessedInHour(**hour(is_total=True, processed=9)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue="a", processed=4)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue="b", processed=3)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue=None, processed=2)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue="c", processed=0)),  # type: ignore[arg-type]
    ]
    metric = "outbox_queue_last_hour_processed_jobs"
    assert values(by_queue(rows, None, LabelLimit(1))) == {(metric, "a"): 4, (metric, "other"): 5}


def test_the_failure_ratio_of_a_queue():
    """Of the jobs that were attempted in it; without one there is none, and none when counting stopped."""
    rows = [
        ProcessedInHour(**hour(is_total=True, processed=9)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue="a", processed=3)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue="b", processed=5)),  # type: ignore[arg-type]
        ProcessedInHour(**hour(queue=None, processed=1)),  # type: ignore[arg-type]
    ]
    failed = [
        failing(8, 20),
        *(failing(jobs, 9, name, is_total=False) for name, jobs in (("a", 1), ("c", 4), (None, 3))),
    ]
    metric = "outbox_queue_last_hour_failure_ratio"
    found = values(by_queue(rows, failed, LabelLimit(3)))
    assert {name[1]: value for name, value in found.items() if name[0] == metric} == {
        "a": 0.25,
        "b": 0,
        "c": 1,
        "other": 0.75,
    }


def sampled(
    pending: int, collector: LastHourCollector | None = None, *, now: float = NOW, lagging: int = 0
) -> tuple[FakeSession, LastHourCollector]:
    collector = collector or LastHourCollector(
        FakeClient(), FakeIndexes(), SamplingSettings(count_limit=10_000), LabelLimit(20), Conservation()
    )
    session = FakeSession(
        {
            "oldest_processed": {"oldest": NOW - 86_400},
            "failing_last_hour": row_of(
                FailingJobs, is_total=True, queue=None, failing=1, examined=pending, infinite=2
            ),
            "processed_last_hour": [hour(is_total=True, processed=3, infinite=1, nulls=4, lagging=lagging)],
            "far_behind": {"examined": 50, "ids": ["old"], "queues": ["q"]},
        }
    )
    session.now = now
    session.readings = values(collector.read(session))  # type: ignore[attr-defined]
    return session, collector


def test_one_sample():
    """Odd rows of both statements add up, and all rows read count against the budget."""
    session, _ = sampled(7)
    assert session.readings == {  # type: ignore[attr-defined]
        ("outbox_last_hour_processed_jobs",): 3,
        ("outbox_last_hour_failure_ratio",): 0.25,
        ("outbox_oldest_processed_timestamp_seconds",): NOW - 86_400,
        ("outbox_odd_rows", "job_outbox", "infinite"): 3,
        ("outbox_odd_rows", "job_outbox", "null"): 4,
    }
    assert session.rows == 10
    assert session.parameters("processed_last_hour") == [{"skew": 600, "latest": NOW + 600}]
    assert session.parameters("failing_last_hour") == [{"count_limit": 10_000, "latest": NOW + 600}]


def test_rows_that_may_be_gone():
    """All figures of the hour are unknown, each with the reason; the oldest row and the odd ones are what they are."""
    retention = RowRetention()
    retention.note_vanished(NOW - 60)
    session, collector = sampled(
        7,
        LastHourCollector(FakeClient(), FakeIndexes(), SamplingSettings(), LabelLimit(20), Conservation(retention)),
    )
    found = tuple(collector.read(session))
    assert values(found) == {
        ("outbox_oldest_processed_timestamp_seconds",): NOW - 86_400,
        ("outbox_odd_rows", "job_outbox", "infinite"): 3,
        ("outbox_odd_rows", "job_outbox", "null"): 4,
    }
    unknown = {each.metric.name: each.reason for each in found if isinstance(each, UnknownValue)}
    assert unknown.keys() == {
        "outbox_last_hour_processed_jobs",
        "outbox_last_hour_processing_time_avg_seconds",
        "outbox_last_hour_failure_ratio",
        "outbox_queue_last_hour_processed_jobs",
        "outbox_queue_last_hour_failure_ratio",
    }
    assert all(reason.startswith("rows of jobs were deleted") for reason in unknown.values())


def test_a_backlog_that_is_not_counted_to_its_end():
    """The reason of the missing ratio is the limit, and not that nothing failed."""
    (found,) = failure_ratio(failing(1, 1000), 3, 1000)
    assert found == UnknownValue(
        catalogue.LAST_HOUR_FAILURE_RATIO, "counting of pending jobs stopped at 1,000 (count_limit)"
    )


@pytest.mark.parametrize(("pending", "preferred"), [(5000, False), (5001, True)])
def test_a_small_backlog_is_read_in_the_order_of_its_index(pending, preferred):
    """So the server drops entries of jobs that are no longer pending. At first the length is unknown."""
    first, collector = sampled(pending)
    second, _ = sampled(pending, collector)
    assert (first.bitmap_scans, second.bitmap_scans) == ([True, True], [preferred, True])


def test_backdated_jobs_are_searched_only_when_there_is_a_reason(monkeypatch):
    """Fifteen hours further back than counters have read."""
    session, collector = sampled(7)
    assert session.parameters("far_behind") == []
    monkeypatch.setattr(collector._conservation.balance, "begin_search", lambda now: Search(now - 3600, 700.0))
    session, _ = sampled(7, collector)
    assert session.parameters("far_behind") == [{"created_since": NOW - 3600, "behind": 700.0, "reach": 54_700.0}]
    assert session.rows == 60
    assert collector._conservation.skewed == 1


def test_jobs_before_the_hour_are_read_while_a_clock_may_lag():
    """Until a minute after a job that shows it, after a start, a pause of ten minutes, and a step of the clock."""
    collector = sampled(7)[1]

    def skew(after: float, lagging: int = 0) -> object:
        session, _ = sampled(7, collector, now=NOW + after, lagging=lagging)
        (parameters,) = session.parameters("processed_last_hour")
        return parameters["skew"]

    assert [skew(after) for after in (59, 60, 120)] == [600, 0, 0]
    assert [skew(180, lagging=1), skew(200), skew(239), skew(240)] == [0, 600, 600, 0]
    assert [skew(840), skew(1441), skew(1500), skew(1501)] == [0, 600, 600, 0]
    assert [skew(1400), skew(1459), skew(1460)] == [600, 600, 0]
