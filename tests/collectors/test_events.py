"""FSM events by source and type, and how they are read, without a database."""

from __future__ import annotations

import pytest

from exporter.collectors.events import EventGroup, EventsCollector
from exporter.config.settings import SamplingSettings
from exporter.database.indexes import IndexRow
from tests.collectors.fake_database import NOW, FakeClient, FakeIndexes, FakeSession, row_of, values


def group(source: str | None, event: str | None, last_hour: int, *ids: str, **given: object) -> dict[str, object]:
    """Events of one source and type, those with `ids` a second old."""
    recent = {"recent_ids": list(ids) or None, "recent_at": [NOW - 1.0] * len(ids) or None}
    return row_of(EventGroup, source=source, event=event, last_hour=last_hour, **recent, **given)


def index(*columns: str, skips: bool = False) -> IndexRow:
    return IndexRow("fsm_events", list(columns), None, 100_000.0, 10.0, 5000, 1000, skips)


BY_TIME = (index("created_at"),)
BY_COURSE = (index("entity_id", "created_at"),)
SKIPPING = (index("entity_id", "created_at", skips=True),)


def collector(*found: IndexRow) -> EventsCollector:
    return EventsCollector(FakeClient(), FakeIndexes(*found), SamplingSettings(label_limit=5))


def test_documented_sources_are_zero_and_types_appear_as_they_occur():
    """Other sources and types are published as they occur too, without a name under `other`."""
    found = values(collector(*BY_TIME).read(FakeSession({"events": [group("API", "A", 4), group(None, None, 2)]})))
    assert {key: value for key, value in found.items() if key[0].startswith("outbox_last_hour")} == {
        ("outbox_last_hour_fsm_events", "API"): 4,
        ("outbox_last_hour_fsm_events", "QUEUE"): 0,
        ("outbox_last_hour_fsm_events", "WORKER"): 0,
        ("outbox_last_hour_fsm_events", "other"): 2,
        ("outbox_last_hour_fsm_events_by_type", "A"): 4,
        ("outbox_last_hour_fsm_events_by_type", "other"): 2,
    }


def test_events_are_counted_once_from_the_second_sample_on():
    """By source and by type."""
    events = collector(*BY_TIME)
    session = FakeSession({"events": [group("API", "A", 1, "1")]})
    assert values(events.read(session))["outbox_fsm_events_total", "API"] == 0
    session.answers["events"] = [group("API", "A", 2, "1", "2"), group("WORKER", "B", 1, "3")]
    for _ in range(2):
        found = values(events.read(session))
        assert found["outbox_fsm_events_total", "API"] == 1
        assert found["outbox_fsm_events_total", "WORKER"] == 1
        assert found["outbox_fsm_events_by_type_total", "A"] == 1
        assert found["outbox_fsm_events_by_type_total", "B"] == 1


def test_odd_rows_add_up_over_all_groups():
    """By kind."""
    session = FakeSession({"events": [group("API", "A", 1, infinite=1, nulls=2), group("API", "B", 0, infinite=3)]})
    found = values(collector(*BY_TIME).read(session))
    assert found["outbox_odd_rows", "fsm_events", "infinite"] == 4
    assert found["outbox_odd_rows", "fsm_events", "null"] == 2


@pytest.mark.parametrize(
    ("found", "courses", "early", "bitmap_scans", "rows"),
    [
        (BY_TIME, None, True, False, 7),
        (BY_COURSE, ["c"], False, True, 7 + 8 * 60),
        (SKIPPING, None, False, True, 7 + 8 * 30),
        ((index("event_id"),), None, True, False, 7 + 8 * 5000),
    ],
    ids=["by time", "course by course", "skipping", "whole table"],
)
def test_the_statement_follows_the_indexes(found, courses, early, bitmap_scans, rows):
    """Pages that are read to find the hour count against the budget, eight rows each."""
    groups = [group("API", "A", 7)]
    session = FakeSession({"events": groups, "events_by_course": groups, "event_courses": {"courses": ["c"]}})
    tuple(collector(*found).read(session))
    (parameters,) = session.parameters("events" if courses is None else "events_by_course")
    assert (parameters.get("courses"), parameters.get("early", False)) == (courses, early)
    assert (parameters["latest"], parameters["latest_new"]) == (NOW + 600, NOW + 86_400)
    assert parameters["undated"] is True
    assert session.bitmap_scans == [bitmap_scans]
    assert session.rows == rows


def test_the_part_of_the_hour_that_is_known_is_not_read_again():
    """Its events count all the same, those without a source too; another edition has it read in the same sample."""
    events = collector(*BY_TIME)
    slot = int(NOW // 60) - 30

    def sample(now: float, known: int, *, edition: str = "1") -> tuple[float, float, list[object]]:
        def answer(*, kept_since: float, kept_until: float, **_: object) -> list[dict[str, object]]:
            if kept_since <= slot * 60 < kept_until:
                return [group("API", "A", 1, slots=[slot + 29], slot_events=[1], edition=edition)]
            both = {"slots": [slot, slot + 29], "slot_events": [known, 1], "edition": edition}
            old = {"slots": [slot], "slot_events": [2], "edition": edition}
            return [group("API", "A", known + 1, **both), group(None, "A", 2, nulls=2, **old)]

        session = FakeSession({"events": answer})
        session.now = now
        found = values(events.read(session))
        nulls = found["outbox_odd_rows", "fsm_events", "null"]
        bounds: list[object] = [each["kept_until"] for each in session.parameters("events")]
        assert session.rows == found["outbox_last_hour_fsm_events", "API"] + 2
        return found["outbox_last_hour_fsm_events", "API"], nulls, bounds

    assert sample(NOW, 7) == (8, 2, [0.0])
    assert sample(NOW + 61, 9) == (8, 2, [NOW // 60 * 60 - 600])
    assert sample(NOW + 62, 9, edition="2") == (10, 2, [NOW // 60 * 60 - 540, 0.0])
