"""What a mapping rests on, taken away: then no figure is published, or the one that would be wrong is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from exporter.adoption.role_script import granted_tables, monitoring_role, remove_monitoring_role
from exporter.app import check_config
from exporter.collectors.tables import TablesCollector
from exporter.config.settings import Config, OutboxSettings
from exporter.database import DatabaseClient
from exporter.outbox.mapping import OutboxMapping
from exporter.sampling.collector_set import CollectorSet
from exporter.sampling.sampler import Sampler
from tests.database.roles import MONITOR
from tests.database.sampling import configuration, no_listener
from tests.outbox.published import Published, published
from tests.postgres import Database, temporary

TABLE: Final = """
    CREATE TABLE mails (
        id bigint PRIMARY KEY, kind text NOT NULL, state text NOT NULL, tries integer NOT NULL DEFAULT 0,
        made timestamptz NOT NULL, due timestamptz, tried timestamptz, done timestamptz
    );
    CREATE INDEX ON mails (due) WHERE state IN ('new');
    CREATE INDEX ON mails (done) WHERE done IS NOT NULL;
    INSERT INTO mails (id, kind, state, made, done) VALUES
        (1, 'a', 'new', now() - interval '5 minutes', NULL),
        (2, 'a', 'ok', now() - interval '9 minutes', now() - interval '8 minutes'),
        (3, 'b', 'ok', now() - interval '9 minutes', now() - interval '6 minutes'),
        (6, 'b', 'ok', now() - interval '3 hours', now() - interval '2 hours');
"""
STATUSES: Final[dict[str, Any]] = {
    "status_pending": ("new",),
    "status_processed": ("ok",),
    "status_failed": ("bad",),
}
OUTBOX: Final[dict[str, Any]] = {
    "table": "mails",
    "id": ["id"],
    "created": "made",
    "processed": "done",
    "due": "due",
    "last_attempt": "tried",
    "attempts": "tries",
    "queue": "kind",
    "status": "state",
    **{key: list(values) for key, values in STATUSES.items()},
}


UNFIT: Final = (
    "expected timestamptz for a time, an integer for attempts, text for a name, and NOT NULL for an id; "
    "its values cannot be read"
)
HIDDEN: Final = (
    "row-level security hides rows of public.mails from role outbox_monitor: ALTER ROLE outbox_monitor BYPASSRLS, or "
    "CREATE POLICY outbox_monitor_read ON public.mails FOR SELECT TO outbox_monitor USING (true)"
)
ZONELESS: Final = (
    "public.mails has done of type timestamp without time zone, which is no point in time: ALTER TABLE public.mails "
    "ALTER done TYPE timestamptz USING done AT TIME ZONE '...', or set database.timestamp_zone, either to the zone "
    "that their writers use"
)

# By what is proved: how it is taken away, the messages of the failures, and how it is given back.
TAKEN_AWAY: Final[dict[str, tuple[str, set[str], str]]] = {
    "privilege": (
        "REVOKE SELECT (state) ON mails FROM outbox_monitor",
        {"role outbox_monitor may not read public.mails: GRANT SELECT (state) ON public.mails TO outbox_monitor"},
        "GRANT SELECT (state) ON mails TO outbox_monitor",
    ),
    "row security": (
        "ALTER TABLE mails ENABLE ROW LEVEL SECURITY",
        {HIDDEN},
        "ALTER TABLE mails DISABLE ROW LEVEL SECURITY",
    ),
    "a column": (
        "ALTER TABLE mails RENAME state TO other",
        {"public.mails has no column state"},
        "ALTER TABLE mails RENAME other TO state",
    ),
    "a type": (
        "ALTER TABLE mails ALTER done TYPE text",
        {f"public.mails has done text: {UNFIT}"},
        "ALTER TABLE mails ALTER done TYPE timestamptz USING done::timestamptz",
    ),
    "a zone": (
        "ALTER TABLE mails ALTER done TYPE timestamp",
        {ZONELESS},
        "ALTER TABLE mails ALTER done TYPE timestamptz",
    ),
    "nullability": (
        "ALTER TABLE mails DROP CONSTRAINT mails_pkey, ALTER id DROP NOT NULL",
        {f"public.mails has id bigint: {UNFIT}"},
        "ALTER TABLE mails ADD PRIMARY KEY (id)",
    ),
    "the table": (
        "ALTER TABLE mails RENAME TO others",
        {"there is no table public.mails; is the migration applied, and database.schema right?"},
        "ALTER TABLE others RENAME TO mails",
    ),
    "a table and no view": (
        "ALTER TABLE mails RENAME TO others; CREATE VIEW mails AS SELECT * FROM others",
        {"public.mails is not a table (relkind v); its rows cannot be proved complete"},
        "DROP VIEW mails; ALTER TABLE others RENAME TO mails",
    ),
}
WAITING: Final = 'outbox_pending_jobs{state="waiting"}'
HOUR: Final = "outbox_last_hour_processed_jobs"


@dataclass(frozen=True)
class Mails:
    """The table, read by the role that the script makes."""

    database: Database

    def sample(self) -> Published:
        return published(self.database, OUTBOX, user=MONITOR)

    @contextmanager
    def changed(self, statement: str, undo: str) -> Iterator[None]:
        self.database.execute(statement.encode())
        yield
        self.database.execute(undo.encode())

    def settings(self) -> Config:
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in OUTBOX.items()
        }
        return replace(configuration(self.database.dsn(MONITOR)), outbox=OutboxSettings(**settings))


@pytest.fixture(scope="module")
def mails(embedded: Any) -> Iterator[Mails]:
    tables = granted_tables(OutboxMapping(**{**OUTBOX, "id": ("id",), **STATUSES}))
    with temporary(embedded) as database:
        database.execute(TABLE.encode())
        database.execute(monitoring_role("public", tables).encode())
        try:
            yield Mails(database)
        finally:
            database.execute(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            database.execute(remove_monitoring_role("public", tables).encode())


def test_nothing_taken_away(mails):
    """Then everything is published, and no index is missing."""
    found = mails.sample()
    assert (found.failures, found.missing_indexes) == (frozenset(), frozenset())
    assert (found.values[WAITING], found.values[HOUR]) == (1, 2)


@pytest.mark.parametrize("proved", TAKEN_AWAY)
def test_what_is_not_proved_any_more_publishes_nothing(mails, proved):
    """The message says what to do."""
    statement, messages, undo = TAKEN_AWAY[proved]
    with mails.changed(statement, undo):
        found = mails.sample()
    assert found.failures == messages
    assert found.values == {}


def test_indexes(mails):
    """Each that would help is named."""
    undo = (
        "CREATE INDEX mails_due_idx ON mails (due) WHERE state IN ('new'); CREATE INDEX mails_done_idx ON mails (done)"
    )
    with mails.changed("DROP INDEX mails_due_idx, mails_done_idx", undo):
        found = mails.sample()
        lines = "\n".join(map(str, check_config.database(Sampler(mails.settings(), no_listener))))
    assert found.missing_indexes == {"mails (due) WHERE state IN ('new')", "mails (done) WHERE done IS NOT NULL"}
    assert found.values[WAITING] == 1
    for index in found.missing_indexes:
        assert f"; an index on {index} would make it cheaper" in lines


def test_rows_of_less_than_an_hour(mails):
    """At the first sample nothing shows that none was deleted before it; check-config says so before it."""
    note = (
        "note     last_hour: no processed job is older than an hour, so rows may have been deleted before the first "
        "sample: its figures are absent for the first hour of samples"
    )
    undo = (
        "INSERT INTO mails (id, kind, state, made, done) VALUES "
        "(6, 'b', 'ok', now() - interval '3 hours', now() - interval '2 hours')"
    )
    with mails.changed("DELETE FROM mails WHERE id = 6", undo):
        assert HOUR not in mails.sample().values
        assert note in map(str, check_config.database(Sampler(mails.settings(), no_listener)))
    assert mails.sample().values[HOUR] == 2
    assert note not in map(str, check_config.database(Sampler(mails.settings(), no_listener)))


def test_clocks(mails):
    """Jobs that were created or processed far in the future are odd rows, and in no figure of the last hour."""
    future = "now() + interval '3 days'"
    statement = (
        "INSERT INTO mails (id, kind, state, made, done) VALUES "
        f"(4, 'a', 'new', {future}, NULL), (5, 'a', 'ok', now(), {future})"
    )
    before = mails.sample()
    with mails.changed(statement, "DELETE FROM mails WHERE id IN (4, 5)"):
        found = mails.sample()
    assert found.values['outbox_odd_rows{table="mails",kind="out_of_range"}'] == 2
    for name in (HOUR, 'outbox_oldest_pending_timestamp_seconds{state="waiting"}'):
        assert found.values[name] == before.values[name]


def test_rows_that_are_not_kept(mails):
    """A processed job's row that is gone within the hour takes the figures of the last hour with it.

    An older row is still there: the jobs of another queue may be kept for longer. The deleted job was processed before
    the first sample.
    """
    collectors = CollectorSet(mails.settings())
    collectors.database.open()
    _, throughput, last_hour = collectors.database_collectors
    assert (throughput.name, last_hour.name) == ("throughput", "last_hour")
    throughput.collect()
    outcomes = [last_hour.collect()]
    undo = "INSERT INTO mails (id, kind, state, made, done) VALUES (2, 'a', 'ok', now() - interval '9 minutes', now())"
    with mails.changed("DELETE FROM mails WHERE id = 2", undo):
        outcomes.append(last_hour.collect())
    collectors.database.close()
    names = [{each.metric.name for each in outcome.readings} for outcome in outcomes]
    assert HOUR in names[0]
    assert names[1] == {"outbox_oldest_processed_timestamp_seconds"}
    assert {metric.name for metric in outcomes[1].unknown} > {HOUR, "outbox_last_hour_failure_ratio"}


def test_partitions(mails):
    """All are read through their table, by the privileges on that alone."""
    before = mails.sample()
    statement = """
        ALTER TABLE mails RENAME TO plain;
        CREATE TABLE mails (LIKE plain INCLUDING DEFAULTS) PARTITION BY LIST (kind);
        ALTER TABLE mails ADD PRIMARY KEY (id, kind);
        CREATE TABLE mails_a PARTITION OF mails FOR VALUES IN ('a');
        CREATE TABLE mails_b PARTITION OF mails FOR VALUES IN ('b');
        INSERT INTO mails SELECT * FROM plain;
        GRANT SELECT (id, kind, made, done, tries, tried, state, due) ON mails TO outbox_monitor;
    """
    with mails.changed(statement, "DROP TABLE mails; ALTER TABLE plain RENAME TO mails"):
        found = mails.sample()
    assert not found.failures
    assert found.values == before.values


def test_jobs_without_an_age(mails):
    """A due time that may be NULL is none, where no column says when a job was created."""
    config = mails.settings()
    without = replace(config, outbox=replace(config.outbox, created=None))
    ageless = (
        "note     mapping: due may be NULL, and no column says when a job was created: such a job has no age, and no "
        "alert sees it wait"
    )
    assert ageless in map(str, check_config.database(Sampler(without, no_listener)))
    assert ageless not in map(str, check_config.database(Sampler(config, no_listener)))


def test_statuses_without_a_meaning(mails):
    """Such jobs count nowhere, and check-config says so, as it says what is absent and why."""
    statement = (
        "INSERT INTO mails (id, kind, state, made) SELECT n, 'a', 'paused', now() FROM generate_series(10, 21) AS n"
    )
    with mails.changed(statement, "DELETE FROM mails WHERE id >= 10"):
        found = mails.sample()
        lines = list(map(str, check_config.database(Sampler(mails.settings(), no_listener))))
    assert found.values[WAITING] == 1
    assert "note     mapping: state 'paused' (12 rows) means nothing in this mapping; counted nowhere" in lines
    assert "note     mapping: no column says which jobs a worker has: without outbox_running_jobs" in lines
    assert not [line for line in lines if line.startswith(("broken", "unknown", "note     migration"))]


def test_a_status_that_is_written_later(mails, caplog):
    """It is noticed and logged once, by what ANALYZE found, without a row being read.

    Where row-level security is active the server shows that to the owner alone, so nothing is said.
    """
    texts = ["state 'paused' stood in rows at the latest ANALYZE and means nothing in this mapping; counted nowhere"]
    statement = (
        "INSERT INTO mails (id, kind, state, made) SELECT n, 'a', 'paused', now() FROM generate_series(10, 21) AS n;"
        "ANALYZE mails"
    )
    hide = "ALTER TABLE mails ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mails FOR SELECT USING (true)"
    with sampled_tables(mails) as told:
        assert told() == []
        with mails.changed(statement, "DELETE FROM mails WHERE id >= 10; ANALYZE mails"):
            assert [told(), told()] == [texts, texts]
            with mails.changed(hide, "DROP POLICY p ON mails; ALTER TABLE mails DISABLE ROW LEVEL SECURITY"):
                assert told() == []
        assert told() == []
    assert [each.fields["values"] for each in caplog.records if each.message == "status without a meaning"] == texts


def test_a_status_that_its_type_has(mails):
    """The labels of an enumeration are known from the catalogue, also under row-level security."""
    statement = """
        CREATE TYPE mail_state AS ENUM ('new', 'ok', 'bad', 'on hold');
        DROP INDEX mails_due_idx;
        ALTER TABLE mails ALTER state TYPE mail_state USING state::mail_state, ENABLE ROW LEVEL SECURITY;
    """
    undo = """
        ALTER TABLE mails ALTER state TYPE text, DISABLE ROW LEVEL SECURITY;
        CREATE INDEX mails_due_idx ON mails (due) WHERE state IN ('new');
        DROP TYPE mail_state;
    """
    with mails.changed(statement, undo), sampled_tables(mails) as told:
        assert told() == ["state 'on hold' is a value of its type that means nothing in this mapping; counted nowhere"]


@contextmanager
def sampled_tables(mails: Mails) -> Iterator[Callable[[], list[str]]]:
    """What each sample of the tables tells about the table, but for its rows."""
    settings = mails.settings()
    client = DatabaseClient(settings.database, settings.outbox.mapping())
    client.open()
    collector = TablesCollector(client)
    try:
        yield lambda: [notice.text for notice in collector.collect().notices]
    finally:
        client.close()
