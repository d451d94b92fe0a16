"""Which statements a sample of the backlog sends, and what it takes from their rows, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.collectors.backlog import BacklogCollector
from exporter.collectors.completions import Completions
from exporter.collectors.conservation import Conservation
from exporter.collectors.retention import RowRetention
from exporter.config.settings import SamplingSettings
from exporter.metrics.label_limit import LabelLimit
from exporter.outbox.mapping import OutboxMapping
from tests.collectors.fake_database import NOW, FakeClient, FakeIndexes, FakeSession, values

STATUS = OutboxMapping(
    "jobs", id=("id",), processed="done", status="state", status_pending=("new",), status_processed=("ok",)
)


class Outbox:
    """So many waiting jobs, of which any statement reads as many as it may."""

    def __init__(self, limit: int = 100) -> None:
        queues, self.conservation = LabelLimit(20), Conservation()
        completions = Completions(queues, self.conservation)
        settings = SamplingSettings(count_limit=limit)
        self.collector = BacklogCollector(FakeClient(), FakeIndexes(), settings, queues, completions)
        self.pending = 0

    def sample(self, pending: int) -> FakeSession:
        """A sample of so many, with its readings."""
        self.pending = pending
        session = FakeSession({"backlog_head": self.head, "backlog": self.counted})
        session.readings = values(self.collector.read(session))  # type: ignore[attr-defined]
        return session

    def head(self, *, count_limit: int, **_: object) -> dict[str, object]:
        jobs = min(self.pending, count_limit)
        groups = {"queues": ["q"], "attempts": [0], "counts": [jobs], "oldest": [NOW - 60]}
        groups |= {"oldest_ids": ["1\x1f2"], "newer_ids": [""]}
        empty: dict[str, object] = {name: [] for name in groups}
        head = {"jobs": jobs, "blocked": 4, "recent_queues": [], "recent_ids": [], "is_standby": False, "inserted": 10}
        return head | (groups if jobs else empty)

    def counted(self, *, count_limit: int, **_: object) -> list[dict[str, object]]:
        return [{"queue": "q", "attempts": 0, "jobs": min(self.pending, count_limit), "oldest": NOW - 60}]


def counts(session: FakeSession) -> list[tuple[object, object]]:
    return [(each["which"], each["count_limit"]) for each in session.parameters("backlog")]


@pytest.mark.parametrize(
    ("pending", "jobs", "truncated", "counted"),
    [
        (0, 0, 0, []),
        (99, 99, 0, []),
        (100, 100, 1, [("any", 105)]),
        (101, 100, 1, [("any", 105), ("newest", 1)]),
        (104, 100, 1, [("any", 105), ("newest", 4)]),
        (105, 100, 1, [("any", 105), ("oldest", 100)]),
        (5000, 100, 1, [("any", 105), ("oldest", 100)]),
    ],
)
def test_counting_stops_at_the_limit(pending, jobs, truncated, counted):
    """Slightly above it the newest are subtracted, further above the oldest are counted anew."""
    session = Outbox().sample(pending)
    assert counts(session) == counted
    assert session.readings["outbox_pending_jobs", "waiting"] == jobs  # type: ignore[attr-defined]
    assert session.readings["outbox_pending_jobs_truncated",] == truncated  # type: ignore[attr-defined]
    assert session.readings["outbox_head_blocked_jobs",] == 4  # type: ignore[attr-defined]


def test_a_small_limit_is_exceeded_by_one_job():
    """A twentieth of it would be less than a job."""
    session = Outbox(limit=10).sample(15)
    assert [(each["which"], each["count_limit"]) for each in session.parameters("backlog")] == [
        ("any", 11),
        ("oldest", 10),
    ]


def test_statements_take_the_settings_and_the_clock_of_the_database():
    """Bitmap scans only where all rows are read; a created_at more than ten minutes ahead is ignored."""
    session = Outbox().sample(5000)
    assert session.parameters("backlog_head") == [
        {
            "count_limit": 200,
            "batch": 100,
            "latest": NOW + 600,
            "since": NOW - 60,
            "recent_limit": 5000,
            "lists_recent": False,
        }
    ]
    assert [each["latest"] for each in session.parameters("backlog")] == [NOW + 600] * 2
    assert session.bitmap_scans == [True, False]


def test_a_backlog_is_expected_to_be_as_long_as_before():
    """Far beyond the limit it is not counted whole again, until it is seen below the limit."""
    outbox = Outbox()
    assert [[which for which, _ in counts(outbox.sample(jobs))] for jobs in (5000, 5000, 100, 99, 7)] == [
        ["any", "oldest"],
        ["oldest"],
        ["oldest"],
        [],
        [],
    ]


def test_a_short_backlog_is_read_once():
    """By one statement, which reads fewer than 5000 rows with bitmap scans, from the second sample on."""
    outbox = Outbox(limit=1_000_000)

    def sample(jobs: int) -> tuple[bool, object, list[tuple[object, object]], object]:
        bitmap_scans = outbox.collector.bitmap_scans
        session = outbox.sample(jobs)
        (head,) = session.parameters("backlog_head")
        found = session.readings["outbox_pending_jobs", "waiting"]  # type: ignore[attr-defined]
        return bitmap_scans, head["count_limit"], counts(session), found

    count = [("any", 1_050_000)]
    assert sample(199) == (False, 200, [], 199)
    assert sample(4999) == (True, 5000, [], 4999)
    assert sample(5000) == (True, 5000, count, 5000)
    assert sample(5000) == (False, 200, count, 5000)
    assert sample(4999) == (False, 200, count, 4999)
    assert sample(4999) == (True, 5000, [], 4999)


def test_after_a_failure_the_length_is_unknown():
    """A backlog that has grown without bound meanwhile is not sorted."""
    outbox = Outbox()
    outbox.sample(7)
    failing = FakeSession({})
    with pytest.raises(KeyError):
        outbox.collector.read(failing)
    assert failing.parameters("backlog_head")[0]["count_limit"] == 5000
    assert outbox.collector.bitmap_scans is False
    assert outbox.sample(7).parameters("backlog_head")[0]["count_limit"] == 200


class MappedOutbox(Outbox):
    """Jobs of a status, of which the rows with these ids are there, whatever their status."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.retention = RowRetention()
        self.conservation = Conservation(self.retention)
        client = FakeClient()
        client.mapping = replace(STATUS, **changes)  # type: ignore[arg-type]
        queues = LabelLimit(20)
        completions = Completions(queues, self.conservation)
        self.collector = BacklogCollector(client, FakeIndexes(), SamplingSettings(), queues, completions)

    def look(self, pending: int, rows: int = 0, *, standby: bool = False, after: float = 0) -> bool:
        """A sample; whether the rows of the last hour are all there, as far as is known."""
        self.pending = pending
        departed = [{"id": str(number), "created_at": None, "processed_at": None} for number in range(rows)]
        answers = {"backlog_head": self.head, "backlog": self.counted, "other_jobs": [], "departed": departed}
        session = FakeSession(answers, standby=standby)
        session.now += after
        tuple(self.collector.read(session))
        return not self.retention.doubt(NOW)


def test_a_pending_job_whose_row_is_gone():
    """It may have been processed: the two jobs of the first sample have one row."""
    outbox = MappedOutbox()
    assert outbox.look(2)
    assert not outbox.look(0, rows=1)


def test_jobs_with_two_ids_are_looked_up_now_and_then():
    """For those the whole table is read."""
    outbox = MappedOutbox(id=("queue", "id"))
    outbox.look(2)
    assert outbox.look(0, rows=2)
    outbox.look(2, after=15)
    assert outbox.look(0, after=599)
    outbox.look(2, after=600)
    assert not outbox.look(0, after=601)


def test_a_job_that_left_the_backlog_has_its_row():
    """It runs, is processed or cancelled."""
    outbox = MappedOutbox()
    outbox.look(2)
    assert outbox.look(0, rows=2)
    assert outbox.look(0)  # these two are not looked up again


@pytest.mark.parametrize("changes", [{"is_removed_when_processed": True}, {"processed": ""}])
def test_rows_that_go_are_expected(changes):
    """Where nothing is published of processed jobs, or a table of transitions tells."""
    outbox = MappedOutbox(**changes)
    outbox.look(2)
    assert outbox.look(0)


def test_a_standby_shows_less():
    """Rows that it lacks are not gone."""
    outbox = MappedOutbox()
    outbox.look(2)
    assert outbox.look(0, standby=True)
    assert outbox.look(0)
