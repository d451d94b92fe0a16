"""The jobs of a mapping, state by state, are those that the mapping means: rows at random, mappings at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from exporter.database import relations
from exporter.database.visibility import Table
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from tests.postgres import temporary

EVERYTHING = OutboxMapping(
    table="jobs",
    id=("id",),
    created="made",
    processed="done",
    failed="dead",
    error="why",
    due="due",
    expires="until",
    last_attempt="tried",
    attempts="tries",
    max_attempts="limit",
    running="locked",
    deleted="gone",
    queue="topic",
    status="status",
    status_pending=("new", "queued"),
    status_retrying=("retry",),
    status_running=("busy",),
    status_processed=("ok",),
    status_failed=("bad",),
)
STATUSES = ("new", "queued", "retry", "busy", "ok", "bad", "cancelled")
# What a mapping may leave out.
OPTIONAL = (
    "failed",
    "error",
    "due",
    "expires",
    "attempts",
    "max_attempts",
    "running",
    "deleted",
    "queue",
    "last_attempt",
)
WITHOUT_STATUS: dict[str, Any] = dict.fromkeys(
    ("status_pending", "status_retrying", "status_running", "status_processed", "status_failed"), ()
)
TABLE = """
    CREATE TABLE jobs (
        id integer PRIMARY KEY, made timestamptz, done timestamptz, dead timestamptz, due timestamptz,
        until timestamptz, tried timestamptz, tries integer, "limit" integer, locked timestamptz, gone boolean,
        topic text, status text, why text
    )
"""


def test_the_default_table():
    """Its own names, and the predicates of its indexes."""
    found = {name: part.as_string() for name, part in relations.compose(DEFAULT, "public").items()}
    assert found["job_outbox"] == '"public"."job_outbox"'
    assert found["fsm_events"] == '"public"."fsm_events"'
    assert found["pending_jobs"] == (
        '(SELECT "outbox_id" AS "outbox_id", "queue_name" AS "queue_name", "attempts" AS "attempts", '
        '"created_at" AS "created_at" FROM "public"."job_outbox" AS jobs WHERE "processed_at" IS NULL) '
        'AS "pending_jobs"'
    )
    assert found["processed_jobs"] == (
        '(SELECT "outbox_id" AS "outbox_id", "queue_name" AS "queue_name", "created_at" AS "created_at", '
        '"processed_at" AS "processed_at" FROM "public"."job_outbox" AS jobs WHERE "processed_at" IS NOT NULL) '
        'AS "processed_jobs"'
    )


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (
            ("pending_jobs", "processed_jobs", "other_jobs", "all_jobs"),
            "outbox_id queue_name attempts created_at processed_at",
        ),
        (("processed_jobs", "all_jobs"), "outbox_id queue_name created_at processed_at"),
        (("processed_jobs", "failing_jobs"), "outbox_id queue_name attempts created_at processed_at last_attempt_at"),
    ],
)
def test_no_other_column_of_the_default_table_is_read(names, columns):
    """The role may read no more."""
    (table,) = relations.reads(DEFAULT, *names)
    assert (table.name, table.columns) == ("job_outbox", tuple(columns.split()))


def test_kinds_of_columns():
    """Numbers are times where the mapping says so."""
    mapping = OutboxMapping("jobs", id=("a", "b"), created="made", queue="topic", attempts="tries", epoch="seconds",
                            processed="done", events_table="log", events_job=("job", "part"), events_type="what",
                            events_at="at", events_created=("new",))  # fmt: skip
    assert relations.reads(mapping, "pending_jobs") == (
        Table(
            "jobs",
            ("a", "b", "topic", "tries", "made", "done"),
            ("id", "id", "text", "integer", "number", "number"),
            ("done",),
        ),
    )


def test_a_name_is_quoted():
    """Whatever it is."""
    mapping = OutboxMapping('a"b', id=("x y",), processed="Done;--")
    text = relations.compose(mapping, "s")["pending_jobs"].as_string()
    assert 'FROM "s"."a""b" AS jobs WHERE "Done;--" IS NULL' in text


@dataclass(frozen=True)
class Row:
    """A row; times in seconds from now."""

    id: int
    made: float
    done: float | None
    dead: float | None
    due: float | None
    until: float | None
    tried: float | None
    tries: int | None
    limit: int
    locked: float | None
    gone: bool | None
    topic: str
    status: str
    why: str | None


def row(number: int, rng: random.Random) -> Row:
    def time(*choices: float) -> float | None:
        return rng.choice((None, None, *choices))

    return Row(
        number, rng.choice((-7200.0, -60.0)), time(-4000.0, -30.0), time(-20.0), time(-50.0, 86400.0),
        time(-5.0, 5000.0), time(-10.0, -5000.0), rng.choice((None, 0, 1, 3)), rng.choice((1, 3)), time(-1.0),
        rng.choice((None, False, True)), rng.choice(("mail", "pdf")), rng.choice(STATUSES),
        rng.choice((None, None, "no")),
    )  # fmt: skip


def mapping_at(rng: random.Random) -> OutboxMapping:
    """Some of the columns have a meaning."""
    left_out: dict[str, Any] = {name: "" for name in OPTIONAL if rng.random() < 0.4}
    mapping = replace(EVERYTHING, **left_out)
    if not mapping.attempts:
        mapping = replace(mapping, max_attempts="")
    if rng.random() < 0.5:
        return replace(mapping, status="", **WITHOUT_STATUS)
    # A status says what an error would say besides.
    mapping = replace(
        mapping, error="", is_cancelled_below_max_attempts=bool(mapping.max_attempts) and rng.random() < 0.3
    )
    return mapping if rng.random() < 0.7 else replace(mapping, processed="")


def state(m: OutboxMapping, row: Row) -> str:
    """The state of a row as the mapping's documentation has it: the first that holds."""
    used_up = (m.expires and row.until is not None and row.until < 0) or (
        m.max_attempts and (row.tries or 0) >= row.limit
    )
    failed_before = (row.status == "retry" and m.status) or (m.attempts and (row.tries or 0) > 0)
    has_error = m.error and row.why is not None
    is_cancelled = m.is_cancelled_below_max_attempts and (row.tries or 0) < row.limit
    order = (
        ("removed", m.deleted and row.gone),
        ("processed", row.status == "ok" if m.status else row.done is not None and not has_error),
        ("cancelled", m.status and (row.status == "cancelled" or (row.status == "bad" and is_cancelled))),
        ("running", m.status and row.status == "busy"),
        ("exhausted", row.status == "bad" if m.status else has_error and row.done is not None),
        ("exhausted", m.failed and row.dead is not None),
        ("running", m.running and row.locked is not None),
        ("exhausted", used_up),
        ("scheduled", m.due and row.due is not None and row.due > 0),
        ("failing", failed_before),
    )
    return next((name for name, holds in order if holds), "waiting")


@pytest.fixture(scope="module")
def connection(embedded: Any) -> Iterator[psycopg.Connection]:
    with temporary(embedded) as database, database.connect(autocommit=False) as opened:
        opened.execute(TABLE)
        yield opened


@pytest.mark.parametrize("seed", range(40))
def test_states(connection, seed):
    """Every row is in the relation of its state, once, and in no other."""
    rng = random.Random(seed)
    mapping = mapping_at(rng)
    rows = [row(number, rng) for number in range(60)]
    connection.execute("TRUNCATE jobs")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO jobs SELECT %s, now() + %s * interval '1 s', now() + %s * interval '1 s',"
            " now() + %s * interval '1 s', now() + %s * interval '1 s', now() + %s * interval '1 s',"
            " now() + %s * interval '1 s', %s, %s, now() + %s * interval '1 s', %s, %s, %s, %s",
            [tuple(getattr(each, name) for name in Row.__dataclass_fields__) for each in rows],
        )
    expected = {each.id: state(mapping, each) for each in rows}
    parts = relations.compose(mapping, "public")

    def asked(query: str, relation: str) -> Any:
        return connection.execute(f"SELECT {query} FROM {parts[relation].as_string()}").fetchall()

    pending = {number: "failing" if attempts > 0 else "waiting"
               for number, attempts in asked("outbox_id, coalesce(attempts, 0)", "pending_jobs")}  # fmt: skip
    assert pending == {number: name for number, name in expected.items() if name in {"waiting", "failing"}}
    others = sorted(name for (name,) in asked("state", "other_jobs"))
    assert others == sorted(name for name in expected.values() if name in {"running", "exhausted", "scheduled"})
    processed = {number for (number,) in asked("outbox_id", "processed_jobs")}
    assert processed == {number for number, name in expected.items() if name == "processed"}
    waiting_since = dict(asked("outbox_id, created_at - now()", "pending_jobs"))
    assert all(
        since.total_seconds() == max(rows[number].made, (mapping.due and rows[number].due) or -1e9)
        for number, since in waiting_since.items()
    )


@pytest.fixture
def temporarily(connection) -> Iterator[psycopg.Connection]:
    """The connection; what is done with it is undone."""
    with connection.transaction(force_rollback=True):
        connection.execute("TRUNCATE jobs")
        yield connection


def test_indexes_of_single_statuses_serve(temporarily):
    """Where each value that means pending has an index that is partial to it, as those of BullMQ have."""
    for status in ("new", "queued", "retry"):
        temporarily.execute(f"CREATE INDEX of_{status} ON jobs (made) WHERE status = '{status}'")
    temporarily.execute("SET LOCAL enable_seqscan = off")
    pending = relations.compose(EVERYTHING, "public")["pending_jobs"].as_string()
    plan = "\n".join(line for (line,) in temporarily.execute(f"EXPLAIN SELECT * FROM {pending}"))
    assert [name for name in ("of_new", "of_queued", "of_retry") if name in plan] == ["of_new", "of_queued", "of_retry"]


def test_a_table_of_queues(temporarily):
    """Its names are those of the queues. No job counts twice where an id has two, or is left out without one."""
    temporarily.execute("CREATE TABLE topics (id text, name text)")
    temporarily.execute("INSERT INTO topics VALUES ('1', 'mail'), ('1', 'post')")
    temporarily.execute("INSERT INTO jobs (id, topic, status, \"limit\") VALUES (1, 1, 'new', 9), (2, 2, 'new', 9)")
    mapping = replace(EVERYTHING, queues_table="topics", queues_id="id", queues_name="name")
    pending = relations.compose(mapping, "public")["pending_jobs"].as_string()
    found = temporarily.execute(f"SELECT outbox_id, queue_name FROM {pending} ORDER BY 1").fetchall()
    assert found == [(1, "mail"), (2, None)]
