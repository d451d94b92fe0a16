"""FSM events by source and by type."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from exporter.collectors.database import DatabaseCollector
from exporter.collectors.kept_hour import NOTHING, SLOT, KeptHour, Label, Span
from exporter.collectors.watermark import Watermark
from exporter.config.settings import SamplingSettings
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import EventsPlan, IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW, OddRows
from exporter.metrics.readings import Reading


@dataclass(frozen=True, slots=True)
class EventGroup:
    """One row of sql/events.sql: events of one source and type, None where they have none.

    Units: `recent_at` in Unix seconds. Shape: `slot_events` has an entry for each of `slots`.
    """

    source: str | None
    event: str | None
    slots: list[int] | None
    slot_events: list[int] | None
    edition: str | None
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


@dataclass(frozen=True, slots=True)
class EventsPart:
    """Which events are read, and how.

    With all `courses` the server takes an index scan for each, without them one scan; the groups are the same. With
    `courses`, or without `early`, events from before 1970 are not looked for: they are in no last hour, and would take
    as long as those that are. `kept` is the part of the last hour that is not read, nothing where there are `courses`.
    """

    courses: list[str] | None
    early: bool
    kept: Span


class EventsCollector(DatabaseCollector):
    """Events of the last hour, and since the exporter started, by source and by type.

    Shape: the documented sources always, at 0 when silent; types as they occur.
    Source: sql/events.sql, sql/event_courses.sql, sql/events_by_course.sql.
    """

    name = "events"
    statements = ("indexes", "events", "event_courses", "events_by_course")
    tables = (Table("fsm_events", ("event_id", "entity_id", "event_type", "created_at", "created_by")),)

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue, settings: SamplingSettings) -> None:
        super().__init__(database, index_catalogue, self.tables, indexes.EVENTS)
        self.sources = LabelLimit(settings.label_limit, catalogue.SOURCES)
        self.types = LabelLimit(settings.label_limit)
        self._watermark = Watermark()
        self._hour = KeptHour()
        self._by_source: Counter[str] = Counter(dict.fromkeys(catalogue.SOURCES, 0))
        self._by_type: Counter[str] = Counter()

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the events. Raises: SampleError."""
        plan = indexes.events_plan(self._index_catalogue.rows(session, "fsm_events"))
        groups, until, span = self._fetch(session, plan)
        self._count(groups, session.now, until)
        kept = self._hour.kept(span)
        hour = labelled(groups, kept).most_common()
        self._hour.add(slots(groups), span, session.now, self._watermark.since(session.now), edition(groups))
        session.note_rows(plan.rows + sum(count for _, count in hour))
        by_source = self.sources.sum((source, count) for (source, _), count in hour)
        by_type = self.types.sum((event, count) for (_, event), count in hour)
        return (
            *_readings(catalogue.LAST_HOUR_EVENTS, dict.fromkeys(catalogue.SOURCES, 0) | by_source),
            *_readings(catalogue.LAST_HOUR_EVENTS_BY_TYPE, by_type),
            *_readings(catalogue.EVENTS, self._by_source),
            *_readings(catalogue.EVENTS_BY_TYPE, self._by_type),
            *(odd(groups) + OddRows(nulls=without_label(kept))).readings("fsm_events"),
            *self._index_catalogue.advice(session, "fsm_events"),
        )

    def _fetch(self, session: Session, plan: EventsPlan) -> tuple[list[EventGroup], float, Span]:
        """The events, the time from which on they are listed, and the part of the hour that was not read."""
        courses = fetch_courses(session) if plan.by_course else None
        session.prefer_bitmap_scans(bitmap_scans=plan.by_course or plan.by_skipping)
        span = self._hour.span(session.now, self._watermark.since(session.now)) if plan.by_time else NOTHING
        part = EventsPart(courses, early=not plan.by_skipping, kept=span)
        groups, until = self._watermark.fetch_new(session.now, partial(fetch_groups, session, part), _settled_sums)
        if span != NOTHING and not self._hour.is_edition(edition(groups)):
            part = replace(part, kept=NOTHING)
            groups, until = self._watermark.fetch_new(session.now, partial(fetch_groups, session, part), _settled_sums)
        return groups, until, part.kept

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


def fetch_groups(session: Session, part: EventsPart, since: float, until: float) -> list[EventGroup]:
    """The events of the last hour and those at or after `since`, listed from `until` on; both in Unix seconds.

    Raises: SampleError.
    """
    bounds = {
        "since": since,
        "until": until,
        "latest": session.now + MAX_CLOCK_LEAD,
        "latest_new": session.now + MAX_CLOCK_LEAD_NEW,
        "undated": session.may_be_null("fsm_events.created_at"),
    }
    # Two statements: the list of courses is of type uuid, while entity_id may have any type where it is not used.
    if part.courses is None:
        kept_bounds = {"kept_since": part.kept.since, "kept_until": part.kept.until, "slot_seconds": SLOT}
        return session.fetch("events", EventGroup, **bounds, **kept_bounds, early=part.early)
    return session.fetch("events_by_course", EventGroup, **bounds, courses=part.courses)


def labelled(groups: Iterable[EventGroup], kept: Mapping[Label, int]) -> Counter[Label]:
    """The events of the last hour by source and type, with those that were not read."""
    found = Counter(kept)
    for group in groups:
        if group.last_hour:
            found[group.source, group.event] += group.last_hour
    return found


def slots(groups: Iterable[EventGroup]) -> dict[Label, Mapping[int, int]]:
    """Those that were read by source and type, and by slot."""
    found: dict[Label, Mapping[int, int]] = {}
    for group in groups:
        read = dict(zip(group.slots or (), group.slot_events or (), strict=True))
        same = found.get((group.source, group.event))  # of another name that is decoded alike
        found[group.source, group.event] = read if same is None else Counter(read) + Counter(same)
    return found


def edition(groups: Sequence[EventGroup]) -> str | None:
    """The edition of the table, where it is known and has events."""
    return groups[0].edition if groups else None


def odd(groups: Iterable[EventGroup]) -> OddRows:
    """The rows that were left out of the figures."""
    return sum((OddRows(group.infinite, group.out_of_range, group.nulls) for group in groups), OddRows())


def without_label(counts: Mapping[Label, int]) -> int:
    """How many events have no source or no type."""
    return sum(count for label, count in counts.items() if None in label)


def _settled_sums(groups: Iterable[EventGroup]) -> tuple[int, int]:
    groups = tuple(groups)
    return sum(group.settled_events for group in groups), sum(group.settled_micros for group in groups)


def _readings(metric: Metric, values: dict[str, int]) -> Iterator[Reading]:
    return (Reading(metric, value, (label,)) for label, value in values.items())
