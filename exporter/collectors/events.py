"""FSM events: who causes them, and of which type."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from exporter import indexes, names
from exporter.config import SamplingSettings
from exporter.database import Session
from exporter.indexes import Catalogue
from exporter.labels import Labels
from exporter.model import Reading
from exporter.names import Metric
from exporter.tally import NewRows
from exporter.visibility import Table


@dataclass(frozen=True, slots=True)
class EventGroup:
    """One row of sql/events.sql: events of one source and type; `recent_at` in Unix seconds."""

    source: str
    event: str
    last_hour: int
    recent_ids: list[str] | None
    recent_at: list[float] | None


@dataclass(frozen=True, slots=True)
class Courses:
    """The one row of sql/event_courses.sql."""

    courses: list[str]


class Events:
    """Events of the last hour, and since the exporter started, by source and by type.

    Shape: the documented sources always, at 0 when silent; types as they occur.
    Source: sql/events.sql, sql/event_courses.sql, sql/events_by_course.sql.
    """

    name = "events"
    gathers = False
    index = indexes.EVENTS
    statements = ("indexes", "events", "event_courses", "events_by_course")
    reads = (Table("fsm_events", ("event_id", "entity_id", "event_type", "created_at", "created_by")),)

    def __init__(self, settings: SamplingSettings, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.sources = Labels(settings.label_limit, names.SOURCES)
        self.types = Labels(settings.label_limit)
        self._new_rows = NewRows()
        self._by_source: Counter[str] = Counter(dict.fromkeys(names.SOURCES, 0))
        self._by_type: Counter[str] = Counter()

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the events. Raises: SampleError."""
        plan = indexes.events_plan(self._catalogue.rows(session, "fsm_events"))
        groups = fetch_groups(session, self._new_rows.since(session.now), by_course=plan.by_course)
        self._count(groups, session.now)
        hour = [group for group in groups if group.last_hour]
        session.note_rows(plan.rows + sum(group.last_hour for group in hour))
        by_source = self.sources.sum((group.source, group.last_hour) for group in hour)
        by_type = self.types.sum((group.event, group.last_hour) for group in hour)
        return (
            *_readings(names.LAST_HOUR_EVENTS, dict.fromkeys(names.SOURCES, 0) | by_source),
            *_readings(names.LAST_HOUR_EVENTS_BY_TYPE, by_type),
            *_readings(names.EVENTS, self._by_source),
            *_readings(names.EVENTS_BY_TYPE, self._by_type),
            *self._catalogue.advice(session, "fsm_events"),
        )

    def _count(self, groups: Sequence[EventGroup], now: float) -> None:
        ids = list(chain.from_iterable(group.recent_ids or () for group in groups))
        stamps = list(chain.from_iterable(group.recent_at or () for group in groups))
        new = {ids[place] for place in self._new_rows.admit(ids, stamps, now)}
        for group in groups:
            count = len(new.intersection(group.recent_ids or ()))
            if count:
                self._by_source[self.sources(group.source)] += count
                self._by_type[self.types(group.event)] += count


def fetch_groups(session: Session, since: float, *, by_course: bool) -> list[EventGroup]:
    """The events of the last hour and those at or after `since` (Unix seconds): the same, whichever way.

    Raises: SampleError.
    """
    if not by_course:
        return session.fetch("events", EventGroup, since=since)
    courses = session.fetch_one("event_courses", Courses).courses
    session.gather_pages()
    return session.fetch("events_by_course", EventGroup, since=since, courses=courses)


def _readings(metric: Metric, values: dict[str, int]) -> Iterator[Reading]:
    return (Reading(metric, value, (label,)) for label, value in values.items())
