"""FSM events by source and by type."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from exporter.collectors.database import DatabaseCollector
from exporter.collectors.watermark import Watermark
from exporter.config.settings import SamplingSettings
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW, OddRows
from exporter.metrics.readings import Reading


@dataclass(frozen=True, slots=True)
class EventGroup:
    """One row of sql/events.sql: events of one source and type, None where they have none.

    Units: `recent_at` in Unix seconds.
    """

    source: str | None
    event: str | None
    last_hour: int
    settled_events: int
    settled_micros: int
    recent_ids: list[str] | None
    recent_at: list[float] | None
    infinite: int
    out_of_range: int
    nulls: int


@dataclass(frozen=True, slots=True)
class Courses:
    """The one row of sql/event_courses.sql."""

    courses: list[str]


class EventsCollector(DatabaseCollector):
    """Events of the last hour, and since the exporter started, by source and by type.

    Shape: the documented sources always, at 0 when silent; types as they occur.
    Source: sql/events.sql, sql/event_courses.sql, sql/events_by_course.sql.
    """

    name = "events"
    index = indexes.EVENTS
    statements = ("indexes", "events", "event_courses", "events_by_course")
    reads = (Table("fsm_events", ("event_id", "entity_id", "event_type", "created_at", "created_by")),)

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue, settings: SamplingSettings) -> None:
        super().__init__(database, index_catalogue)
        self.sources = LabelLimit(settings.label_limit, catalogue.SOURCES)
        self.types = LabelLimit(settings.label_limit)
        self._watermark = Watermark()
        self._by_source: Counter[str] = Counter(dict.fromkeys(catalogue.SOURCES, 0))
        self._by_type: Counter[str] = Counter()

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the events. Raises: SampleError."""
        plan = indexes.events_plan(self._index_catalogue.rows(session, "fsm_events"))
        courses = fetch_courses(session) if plan.by_course else None
        session.prefer_bitmap_scans(bitmap_scans=plan.by_course or plan.by_skipping)
        early = not plan.by_skipping
        groups, until = self._watermark.fetch_new(
            session.now, partial(fetch_groups, session, courses, early), _settled_sums
        )
        self._count(groups, session.now, until)
        hour = [group for group in groups if group.last_hour]
        session.note_rows(plan.rows + sum(group.last_hour for group in hour))
        by_source = self.sources.sum((group.source, group.last_hour) for group in hour)
        by_type = self.types.sum((group.event, group.last_hour) for group in hour)
        return (
            *_readings(catalogue.LAST_HOUR_EVENTS, dict.fromkeys(catalogue.SOURCES, 0) | by_source),
            *_readings(catalogue.LAST_HOUR_EVENTS_BY_TYPE, by_type),
            *_readings(catalogue.EVENTS, self._by_source),
            *_readings(catalogue.EVENTS_BY_TYPE, self._by_type),
            *odd(groups).readings("fsm_events"),
            *self._index_catalogue.advice(session, "fsm_events"),
        )

    def _count(self, groups: Sequence[EventGroup], now: float, until: float) -> None:
        ids = list(chain.from_iterable(group.recent_ids or () for group in groups))
        stamps = list(chain.from_iterable(group.recent_at or () for group in groups))
        new = {ids[place] for place in self._watermark.add(ids, stamps, now, until)}
        for group in groups:
            count = len(new.intersection(group.recent_ids or ()))
            if count:
                self._by_source[self.sources(group.source)] += count
                self._by_type[self.types(group.event)] += count


def fetch_courses(session: Session) -> list[str]:
    """Every course with events. Raises: SampleError."""
    return session.fetch_one("event_courses", Courses).courses


def fetch_groups(
    session: Session, courses: list[str] | None, early: bool, since: float, until: float
) -> list[EventGroup]:
    """The events of the last hour and those at or after `since`, listed from `until` on; both in Unix seconds.

    With all `courses` the server takes an index scan for each, without them one scan; the groups are the same. With
    `courses`, or without `early`, events from before 1970 are not looked for: they are in no last hour, and would take
    as long as those that are. Raises: SampleError.
    """
    bounds = {
        "since": since,
        "until": until,
        "latest": session.now + MAX_CLOCK_LEAD,
        "latest_new": session.now + MAX_CLOCK_LEAD_NEW,
        "undated": session.may_be_null("fsm_events.created_at"),
    }
    # Two statements: the list of courses is of type uuid, while entity_id may have any type where it is not used.
    if courses is None:
        return session.fetch("events", EventGroup, **bounds, early=early)
    return session.fetch("events_by_course", EventGroup, **bounds, courses=courses)


def odd(groups: Iterable[EventGroup]) -> OddRows:
    """The rows that were left out of the figures."""
    return sum((OddRows(group.infinite, group.out_of_range, group.nulls) for group in groups), OddRows())


def _settled_sums(groups: Iterable[EventGroup]) -> tuple[int, int]:
    groups = tuple(groups)
    return sum(group.settled_events for group in groups), sum(group.settled_micros for group in groups)


def _readings(metric: Metric, values: dict[str, int]) -> Iterator[Reading]:
    return (Reading(metric, value, (label,)) for label, value in values.items())
