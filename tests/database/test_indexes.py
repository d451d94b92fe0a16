"""Detection of indexes, the choice of statements by them, and the catalogue of a real server."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from exporter.collectors.events import EventsPart, fetch_courses, fetch_groups
from exporter.collectors.kept_hour import NOTHING
from exporter.config.settings import SamplingSettings
from exporter.core.errors import Locked
from exporter.database import Session, indexes
from exporter.database.indexes import (
    CACHE_SECONDS,
    EVENTS,
    EXPIRY,
    EventsPlan,
    HelpfulIndex,
    IndexCatalogue,
    IndexRow,
    events_plan,
)
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics import catalogue as names
from exporter.metrics.readings import CollectorOutcome, CollectorRun
from exporter.outbox.mapping import DEFAULT
from exporter.sampling.intervals import next_interval
from exporter.sampling.sampler import Sampler
from tests import postgres
from tests.database import rows
from tests.database.roles import MONITOR, monitoring_role
from tests.database.sampling import everything, sampler
from tests.postgres import Database

CREATED_AT = "CREATE INDEX {}events_created_at ON public.fsm_events (created_at)"
PENDING, PROCESSED, *_ = indexes.helpful(DEFAULT)
BY_COURSE = ["entity_id", "created_at"]


def row(*columns: str, table: str = "fsm_events", predicate: str | None = None, **estimates: Any) -> IndexRow:
    """One index of a table with a million rows and a hundred courses, unless estimated otherwise."""
    known = {"rows": 1_000_000.0, "entities": 100.0, "table_pages": 28_600, "index_pages": 8_200, "skips": False}
    return IndexRow(table, list(columns), predicate, **{**known, **estimates})


# --- pure ------------------------------------------------------------------------------------------------------
def test_names_that_need_quotes_are_found():
    """The definition of an index quotes them, in its columns and in its predicate."""
    wanted = HelpfulIndex("Queue", "Created At", "Sent IS NULL", ("Sent",))
    assert wanted.found_in([row('"Created At"', table="Queue", predicate='("Sent" IS NULL)')])
    assert wanted.found_in([row('"Sent"', table="Queue")])
    assert not wanted.found_in([row('"Created"', table="Queue"), row('"Sent At"', table="Queue")])


def test_an_index_on_status_and_time_serves_the_processed_jobs_of_a_status():
    wanted = HelpfulIndex("jobs", "done_at", "done_at IS NOT NULL", status="state")
    assert wanted.found_in([row("state", "done_at", table="jobs", predicate="(done_at IS NOT NULL)")])
    assert not wanted.found_in([row("state", "queue", "done_at", table="jobs")])
    assert not HelpfulIndex("jobs", "done_at").found_in([row("state", "done_at", table="jobs")])


def test_an_index_is_found_by_its_leading_column():
    """A column in second place does not help."""
    assert EVENTS.found_in([row("created_at")])
    assert EVENTS.found_in([row("event_type"), row("created_at", "event_type")])
    assert not EVENTS.found_in([row("event_type", "created_at"), row(*BY_COURSE), row()])
    assert not EVENTS.found_in([row("created_at", table="job_outbox")])
    assert not EVENTS.found_in([])


def test_a_partial_index_has_to_hold_the_rows_of_interest():
    """The very same restriction, however the server writes it, or none at all."""
    job = {"table": "job_outbox"}
    assert PENDING.found_in([row("created_at", predicate="(processed_at IS NULL)", **job)])
    assert PENDING.found_in([row("created_at", **job)])
    assert PROCESSED.found_in([row("processed_at", predicate="(processed_at IS NOT NULL)", **job)])
    assert not PENDING.found_in([row("created_at", predicate="(processed_at IS NOT NULL)", **job)])
    assert not PENDING.found_in([row("created_at", predicate="((processed_at IS NULL) AND (attempts > 0))", **job)])
    assert not EVENTS.found_in([row("created_at", predicate="((created_by)::text = 'API'::text)")])


@pytest.mark.parametrize(
    ("index", "definition"),
    [
        (EVENTS, "fsm_events (created_at)"),
        (EXPIRY, "idempotency_keys (expires_at)"),
        (PENDING, "job_outbox (created_at) WHERE processed_at IS NULL"),
    ],
)
def test_a_definition_is_written_as_in_sql(index: HelpfulIndex, definition: str):
    """It is part of the advice and of a label."""
    assert index.definition == definition


def test_with_an_index_on_time_events_are_read_by_it():
    """Whatever else there is; nothing but the events themselves is touched."""
    assert events_plan([row("created_at"), row(*BY_COURSE)]) == EventsPlan()


def test_without_it_events_are_counted_course_by_course_where_courses_are_few():
    """A hundred courses are less to look at than a million events."""
    plan = events_plan([row("event_type"), row(*BY_COURSE)])
    assert plan.by_course
    assert 0 < plan.pages < events_plan([row("event_type")]).pages


@pytest.mark.parametrize(
    "found",
    [
        [row("event_type")],
        [row()],
        [row(*BY_COURSE, predicate="(created_at > '2025-01-01')")],
        [row(*BY_COURSE, entities=900_000.0)],
        [row(*BY_COURSE, entities=-0.9)],
        [row(*BY_COURSE, entities=None)],
        [row(*BY_COURSE, rows=-1.0)],
        [row("created_at", predicate="(event_type = 'A')"), row("entity_id")],
    ],
    ids=[
        "none by course",
        "none at all",
        "partial",
        "many courses",
        "nearly one event each",
        "no estimate",
        "never analysed",
        "wrong",
    ],
)
def test_otherwise_the_table_is_read(found: list[IndexRow]):
    """Also where nothing is known of its size: a guess must not make it worse."""
    assert not events_plan(found).by_course


def test_the_cost_of_reading_the_table_counts_against_the_budget():
    """Reading it is paid for in pages; a share of the rows is as good an estimate of courses as a number."""
    assert events_plan([row("event_type", table_pages=100_000)]).pages == 100_000
    share, number = row(*BY_COURSE, entities=-0.0001), row(*BY_COURSE, entities=100.0)
    assert events_plan([share]) == events_plan([number])


def test_many_pages_are_read_less_often():
    """A hundred times the table costs some half as much again per minute, not three times as much."""
    few = events_plan([row(*BY_COURSE, rows=1e5, entities=1_000.0, table_pages=2_860, index_pages=590)])
    many = events_plan([row(*BY_COURSE, rows=1e7, entities=1_000.0, table_pages=286_000, index_pages=80_000)])
    assert (few.by_course, many.by_course) == (False, True)
    few_a_minute, many_a_minute = (60 * plan.pages / pace(plan.rows + 13_000) for plan in (few, many))
    assert many_a_minute < 1.6 * few_a_minute


@pytest.mark.parametrize(
    ("courses", "events", "table_pages", "index_pages", "measured"),
    [
        (6, 100_000, 1_137, 585, 24),
        (100, 100_000, 1_137, 585, 308),
        (1_000, 100_000, 1_137, 585, 591),
        (100, 1_000_000, 11_364, 8_178, 322),
        (1_000, 1_000_000, 11_364, 8_178, 3_122),
        (5_000, 1_000_000, 11_364, 8_178, 7_915),
        (20_000, 1_000_000, 11_364, 6_120, 6_130),
    ],
)
def test_a_skipping_server_costs_the_pages_it_reads(courses, events, table_pages, index_pages, measured):
    """Within a quarter of the buffers that PostgreSQL 18 was measured to touch, and never more than the index has."""
    sizes = {"rows": float(events), "entities": float(courses), "table_pages": table_pages, "index_pages": index_pages}
    plan = events_plan([row(*BY_COURSE, skips=True, **sizes)])
    assert (plan.by_course, plan.by_skipping) == (False, True)
    assert 0.75 * measured <= plan.pages <= 1.25 * measured


@pytest.mark.parametrize(
    ("courses", "table_pages", "index_pages", "measured"),
    [
        (6, 1_137, 585, 47),
        (100, 1_137, 585, 647),
        (100, 11_364, 8_178, 661),
        (1_000, 11_364, 8_178, 6_540),
    ],
)
def test_other_servers_get_a_query_per_course(courses, table_pages, index_pages, measured):
    """Within a quarter of the buffers that PostgreSQL 15 was measured to touch for both statements."""
    plan = events_plan([row(*BY_COURSE, entities=float(courses), table_pages=table_pages, index_pages=index_pages)])
    assert (plan.by_course, plan.by_skipping) == (True, False)
    assert 0.75 * measured <= plan.pages <= 1.25 * measured


def test_skipping_takes_no_estimate():
    """Where nothing is known of the courses, the whole index is the most that can be read."""
    assert events_plan([row(*BY_COURSE, skips=True, entities=None)]) == EventsPlan(by_skipping=True, pages=8_200)


def test_the_index_costs_no_pages():
    """Where the schema has it, the pace follows the events alone."""
    assert events_plan([row("created_at")]).rows == 0


def pace(rows: int) -> float:
    """Seconds until the next run of a collector that has noted so many rows, by default settings."""
    quick = CollectorRun("events", CollectorOutcome(rows=rows), finished_at=0, finished=0, duration=0.01)
    return next_interval(15, quick, SamplingSettings())


# --- on a real server ------------------------------------------------------------------------------------------
@pytest.fixture
def deployed(cluster: Cluster) -> Iterator[Database]:
    """Without an index on fsm_events (created_at); a few courses with so many events that stepping is cheaper."""
    with filled(cluster) as database:
        yield database


@pytest.fixture
def deployed_without_skipping(debian: Cluster) -> Iterator[Database]:
    """The same on a server that has to be asked course by course."""
    with filled(debian) as database:
        yield database


@contextmanager
def filled(cluster: Cluster) -> Iterator[Database]:
    """A database of the deployed schema with 5,000 events of 6 courses."""
    with postgres.cloned(cluster, Schema.DEPLOYED) as database:
        rng = random.Random(7)
        events = [
            rows.Event(rng.randrange(rows.COURSES), f"TYPE_{rng.randrange(5)}", "API", -rng.randrange(rows.DAY))
            for _ in range(5_000)
        ]
        with database.connect() as connection:
            rows.write(connection, rows.Content(events=events))
            connection.execute("ANALYZE public.fsm_events, public.courses")
        yield database


@contextmanager
def session(sampling: Sampler) -> Iterator[Session]:
    """The session in which the events are sampled."""
    collector = next(collector for collector in sampling.database_collectors if collector.name == "events")
    with sampling.database.sample(*collector.reads) as opened:
        yield opened


def seen(database: Database, table: str = "fsm_events") -> list[IndexRow]:
    """The result with a fresh catalogue."""
    with sampler(database.dsn()) as sampling, session(sampling) as opened:
        return list(IndexCatalogue().rows(opened, table))


def test_the_documented_schema_lacks_nothing(embedded_database):
    """Each helpful index is seen, and events are read by time."""
    for index in indexes.helpful(DEFAULT):
        assert index.found_in(seen(embedded_database, index.table)), index.definition
    assert not events_plan(seen(embedded_database)).by_course


def test_the_deployed_schema_lacks_one(deployed):
    """On fsm_events (created_at); there the courses are stepped through."""
    assert not EVENTS.found_in(seen(deployed))
    assert all(index.found_in(seen(deployed, index.table)) for index in (PENDING, PROCESSED, EXPIRY))
    assert steps(deployed, events_plan(seen(deployed)))


def steps(database: Database, plan: EventsPlan) -> bool:
    """Whether events are found course by course, in the way that is the server's: skip scans came with 18."""
    skips = database.cluster.major >= 18
    return (plan.by_course, plan.by_skipping) == (not skips, skips)


def test_an_index_whose_building_failed_is_none(deployed):
    """CREATE UNIQUE INDEX CONCURRENTLY meets a duplicate and leaves an invalid index, which no plan can use."""
    deployed.execute("UPDATE public.fsm_events SET created_at = now() WHERE event_type = 'TYPE_1'")
    with pytest.raises(psycopg.errors.UniqueViolation):
        deployed.execute("CREATE UNIQUE INDEX CONCURRENTLY events_created_at ON public.fsm_events (created_at)")
    assert deployed.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'events_created_at'::regclass") is False
    assert not EVENTS.found_in(seen(deployed))
    deployed.execute("DROP INDEX public.events_created_at")
    deployed.execute(CREATED_AT.format("CONCURRENTLY "))
    assert EVENTS.found_in(seen(deployed))


@pytest.mark.parametrize(
    "definition",
    [
        "((event_type || 'x'), created_at)",
        "(event_type, created_at)",
        "(created_at) WHERE event_type = 'A'",
        "(event_type) INCLUDE (created_at)",
        "((created_at AT TIME ZONE 'UTC'))",
    ],
)
def test_an_index_that_does_not_help_is_not_taken_for_one_that_does(deployed, definition):
    """Led by an expression or another column, restricted to some rows, or only carrying the column along."""
    deployed.execute(f"CREATE INDEX ON public.fsm_events {definition}")
    assert not EVENTS.found_in(seen(deployed))


@pytest.mark.parametrize("method", ["hash", "brin"])
def test_an_index_without_order_is_not_one_by_time(deployed, method):
    """A hash index answers no range, and nothing but a B-tree finds the oldest row."""
    deployed.execute(f"CREATE INDEX ON public.fsm_events USING {method} (created_at)")
    assert not EVENTS.found_in(seen(deployed))


def test_a_descending_index_of_more_columns_serves(deployed):
    """A B-tree is read from either end."""
    deployed.execute("CREATE INDEX ON public.fsm_events (created_at DESC, event_type)")
    assert EVENTS.found_in(seen(deployed))


def test_the_catalogue_is_queried_again_later(deployed):
    """An index that came is used within five minutes, by the database's clock, without a restart."""
    catalogue = IndexCatalogue()
    with sampler(deployed.dsn()) as sampling:
        with session(sampling) as first:
            assert not EVENTS.found_in(catalogue.rows(first, "fsm_events"))
        deployed.execute(CREATED_AT.format(""))
        with session(sampling) as second:
            assert not EVENTS.found_in(catalogue.rows(second, "fsm_events"))
            second.now += CACHE_SECONDS + 1
            assert EVENTS.found_in(catalogue.rows(second, "fsm_events"))


def test_a_clock_set_back_does_not_keep_the_cache_for_ever(deployed):
    """The look then seems to lie in the future."""
    catalogue = IndexCatalogue()
    with sampler(deployed.dsn()) as sampling, session(sampling) as opened:
        catalogue.rows(opened, "fsm_events")
        deployed.execute(CREATED_AT.format(""))
    with sampler(deployed.dsn()) as sampling, session(sampling) as opened:
        opened.now -= 86_400
        assert EVENTS.found_in(catalogue.rows(opened, "fsm_events"))


def test_after_a_failed_sample_the_plan_is_chosen_anew(deployed_without_skipping, monkeypatch):
    """A lock on the table fails one sample; meanwhile the index has come, and the next sample reads by it."""
    deployed = deployed_without_skipping
    asked: list[str] = []
    fetch = Session.fetch

    def noting(self: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
        asked.append(name)
        return fetch(self, name, row, **parameters)

    monkeypatch.setattr(Session, "fetch", noting)
    with sampler(deployed.dsn(), lock_timeout=0.05) as sampling:
        collector = next(entry.collector for entry in sampling._entries if entry.collector.name == "events")

        def statements() -> set[str]:
            asked.clear()
            collector.collect()
            return {name for name in asked if name.startswith("event")}

        assert statements() == {"event_courses", "events_by_course"}
        with deployed.connect(autocommit=False) as connection:
            connection.execute(CREATED_AT.format(""))
            connection.execute("LOCK TABLE public.fsm_events IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Locked):
                collector.collect()
            connection.commit()
        assert statements() == {"events"}
        deployed.execute("DROP INDEX public.events_created_at")
        assert statements() == {"events"}  # cached for a while: more expensive, and as right
        sampling.index_catalogue.forget()
        assert statements() == {"event_courses", "events_by_course"}


def test_advice_is_a_metric_and_follows_the_indexes(deployed):
    """1 for the index that is missing, 0 for those that are there."""
    with sampler(deployed.dsn()) as sampling, session(sampling) as opened:
        found = {reading.labels: reading.value for reading in IndexCatalogue().advice(opened, "fsm_events")}
    assert found == {("fsm_events (created_at)",): 1}
    deployed.execute(CREATED_AT.format(""))
    with sampler(deployed.dsn()) as sampling, session(sampling) as opened:
        (reading,) = IndexCatalogue().advice(opened, "fsm_events")
    assert (reading.metric, reading.value) == (names.HELPFUL_INDEX_MISSING, 0)


def test_courses_are_estimated_for_a_role_that_pg_stats_hides_them_from(deployed):
    """A policy lets the monitoring role in, but pg_stats keeps silent: there are no more courses than `courses` has."""
    (known,) = {found.entities for found in seen(deployed) if found.columns[:1] == ["entity_id"]}
    with monitoring_role(deployed) as monitor, sampler(deployed.dsn(monitor)) as sampling, session(sampling) as opened:
        assert opened._connection.execute("SELECT FROM pg_stats WHERE tablename = 'fsm_events'").fetchall() == []
        found = IndexCatalogue().rows(opened, "fsm_events")
        (estimated,) = {row.entities for row in found if row.columns[:1] == ["entity_id"]}
    assert known == estimated == rows.COURSES


def test_odd_events_are_found_on_the_way_from_course_to_course(deployed):
    """Those of an infinite time, of one too far ahead, and of none where the column admits that."""
    deployed.execute("ALTER TABLE public.fsm_events ALTER created_at DROP NOT NULL")
    for at in ("'infinity'", "now() + interval '1 day'", "NULL", "NULL"):
        deployed.execute(
            "INSERT INTO public.fsm_events (entity_id, event_type, created_by, created_at) "
            f"SELECT id, 'TYPE_1', 'API', {at} FROM public.courses LIMIT 1"
        )
    assert steps(deployed, events_plan(seen(deployed)))
    odd = {key: value for key, value in everything(deployed.dsn()).items() if key[0] == "outbox_odd_rows"}
    assert odd == {
        ("outbox_odd_rows", ("fsm_events", "infinite")): 1,
        ("outbox_odd_rows", ("fsm_events", "out_of_range")): 1,
        ("outbox_odd_rows", ("fsm_events", "null")): 2,
    }


def test_nothing_is_estimated_of_tables_that_were_never_analysed(embedded):
    """Neither pg_stats nor the courses know anything yet: then no plan rests on a number."""
    with postgres.cloned(embedded, Schema.DEPLOYED) as database:
        assert {found.entities for found in seen(database)} == {None}
        assert not events_plan(seen(database)).by_course


def test_course_by_course_is_the_same_for_the_monitoring_role(deployed):
    """With least privilege, under row security: the same groups, the same ids, however far back one looks."""
    with monitoring_role(deployed) as monitor, sampler(deployed.dsn(monitor)) as sampling:
        assert monitor == MONITOR
        with session(sampling) as opened:
            assert steps(deployed, events_plan(IndexCatalogue().rows(opened, "fsm_events")))
            for back in (0, 600, 3600, 7200, 100_000):
                swept, stepped = (groups(opened, opened.now - back, by_course=way) for way in (False, True))
                assert swept == stepped
                assert swept or back == 0


def groups(opened: Session, since: float, *, by_course: bool) -> set[tuple[Any, ...]]:
    """The result of either statement, unordered."""
    opened.prefer_bitmap_scans(bitmap_scans=False)
    part = EventsPart(fetch_courses(opened) if by_course else None, early=True, kept=NOTHING)
    counts: Counter[tuple[str | None, str | None]] = Counter()
    recent: set[tuple[Any, ...]] = set()
    for group in fetch_groups(opened, part, since, since):
        label = group.source, group.event
        counts[label] += group.last_hour
        listed = zip(group.recent_ids or (), group.recent_at or (), strict=True)
        recent.update((*label, *each) for each in listed)
    return recent | set(counts.items())
