"""Whatever encoding a database or a role has: the same numbers, and text that is valid UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from exporter.collectors.backlog import BacklogHead
from exporter.config.settings import SamplingSettings
from exporter.core.errors import SchemaMismatch
from exporter.database import queries
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics.exposition import OutboxCollector
from exporter.migration.rollback import rollback_check
from exporter.migration.rollback_options import RollbackOptions
from exporter.migration.smoke.run import smoke
from exporter.migration.verify.catalogue import read
from exporter.migration.verify.run import verify
from exporter.sampling.sampler import Sampler
from tests import postgres
from tests.database.roles import allow, role
from tests.database.sampling import configuration, database_client, everything, no_listener, refusals, series
from tests.postgres import Database

HEAD = {"count_limit": 200, "batch": 1, "latest": 0, "since": 0, "recent_limit": 9, "lists_recent": False}

# The bytes of the queues' names in the database, and the expected text.
UTF8 = {"Größe €".encode(): "Größe €", b"mail": "mail"}
QUEUES: dict[str, dict[bytes, str]] = {
    "UTF8": UTF8,
    "SQL_ASCII": {**UTF8, b"K\xfcche": "K\ufffdche", b"K\xf6che": "K\ufffdche"},
    "LATIN1": {b"K\xfcche": "Küche", b"mail": "mail"},
    # 0x81 is no character: the server holds it, and can convert it into nothing.
    "WIN1252": {b"K\xfcche \x80": "Küche €", b"K\x81che": "K\ufffdche", b"K\x8dche": "K\ufffdche"},
    "EUC_JP": {"予約".encode("euc_jp"): "予約", b"\xfc\xfc": "\ufffd\ufffd", b"mail": "mail"},
}
ODD_NAMES = {"UTF8": "Größe €", "SQL_ASCII": "Größe €", "LATIN1": "Küche", "WIN1252": "Küche €", "EUC_JP": "予約"}
JOBS = 3


@pytest.fixture(params=QUEUES)
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def encoded(cluster: Cluster, encoding: str) -> Iterator[Database]:
    """A migrated database in that encoding, with pending and processed jobs in each queue, the older the later."""
    with postgres.encoded(cluster, encoding) as database:
        fill(database, encoding)
        yield database


def fill(database: Database, encoding: str) -> None:
    with database.connect(client_encoding=encoding) as connection:
        connection.execute(b"INSERT INTO organizations (name) VALUES ('o')")
        connection.execute(b"INSERT INTO auth.users DEFAULT VALUES")
        connection.execute(
            b"INSERT INTO courses (title, slug, user_id, organization_id)"
            b" SELECT 'c', 'c', u.id, o.id FROM auth.users AS u, organizations AS o"
        )
        for place, name in enumerate(QUEUES[encoding]):
            connection.execute(
                b"INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)"
                b" SELECT id, '%b', to_timestamp(1000000000 + %d), CASE n WHEN 0 THEN now() - interval '60 s' END"
                b" FROM courses, generate_series(0, %d) AS n" % (name, place, JOBS)
            )
        connection.execute(
            b"INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)"
            b" SELECT id, '%b', 'API', now() - interval '60 s' FROM courses" % next(iter(QUEUES[encoding]))
        )


def expected(encoding: str) -> dict[str, tuple[int, float]]:
    """Pending jobs and the oldest of them by the text of the queue's name."""
    found: dict[str, tuple[int, float]] = {}
    for place, label in enumerate(QUEUES[encoding].values()):
        jobs, oldest = found.get(label, (0, 1e12))
        found[label] = jobs + JOBS, min(oldest, 1_000_000_000.0 + place)
    return found


def by_queue(database: Database, user: str = "postgres") -> dict[str, tuple[int, float]]:
    found = everything(database.dsn(user))
    name, oldest = "outbox_queue_pending_jobs", "outbox_queue_oldest_pending_timestamp_seconds"
    return {
        labels[0]: (int(value), found[oldest, labels]) for (metric, labels), value in found.items() if metric == name
    }


def test_queues_in_any_encoding(encoded, encoding):
    """Two names that read alike are one series: their jobs together, the oldest of both."""
    assert by_queue(encoded) == expected(encoding)


@pytest.mark.parametrize("theirs", ["UTF8", "SQL_ASCII", "LATIN1"])
def test_the_client_encoding_of_a_role(encoded, encoding, theirs):
    """It is not ours. EUC_JP is hardly ever asked for in another encoding: the server cannot convert every pair."""
    if (encoding, theirs) == ("EUC_JP", "LATIN1"):
        theirs = "SJIS"
    elif (encoding, theirs) == ("WIN1252", "LATIN1"):
        theirs = "WIN1252"
    with role(encoded, "SUPERUSER") as name:
        encoded.execute(sql.SQL("ALTER ROLE {} SET client_encoding = {}").format(sql.Identifier(name), theirs))
        assert by_queue(encoded, name) == expected(encoding)


def test_the_exposition_is_utf_8(encoded, encoding):
    """The whole exposition parses, and holds the labels."""
    sampling = Sampler(configuration(encoded.dsn()), no_listener)
    sampling.sample_once()
    registry = CollectorRegistry()
    registry.register(OutboxCollector(lambda: sampling.store, "1", sampling.labels.by_name, lambda: True))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    found = {sample.labels["queue"]: sample.value for sample in samples if sample.name == "outbox_queue_pending_jobs"}
    assert found == {label: jobs for label, (jobs, _) in expected(encoding).items()}


@pytest.mark.parametrize("limit", [1, 4, 5, 100])
def test_counting_that_stops_keeps_names_apart(encoded, encoding, limit):
    """Where the newest jobs are taken off again, those of two names that read alike are taken off once each."""
    config = replace(configuration(encoded.dsn()), sampling=SamplingSettings(count_limit=limit))
    sampling = Sampler(config, no_listener)
    sampling.database.open()
    try:
        for _ in range(3):
            with sampling.database.sample(*sampling.database_collectors[0].reads) as session:
                found = series(sampling.database_collectors[0].read(session))
            pending = sum(value for (name, _), value in found.items() if name == "outbox_pending_jobs")
            queues = sum(value for (name, _), value in found.items() if name == "outbox_queue_pending_jobs")
            assert pending == queues == min(limit, JOBS * len(QUEUES[encoding]))
    finally:
        sampling.database.close()


def test_the_commands(encoded):
    """Their messages equal those of samples."""
    with database_client(encoded.dsn()) as opened:
        with opened.sample() as session:
            assert str(verify(session).answer) == "ok"
        report = rollback_check(opened, SamplingSettings(), RollbackOptions(), 0.0)
    assert {finding.check for finding in report.findings if str(finding.answer) == "unknown"} == set()
    assert str(smoke(encoded.dsn(), "public").answer) == "ok"


def test_names_beyond_ascii(encoded, encoding):
    """A schema whose name the database's encoding has is found; another one is reported as missing."""
    schema = ODD_NAMES[encoding]
    with encoded.connect(client_encoding="UTF8") as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())
        for table in ("job_outbox", "idempotency_keys", "fsm_events", "courses"):
            connection.execute(f'ALTER TABLE {table} SET SCHEMA "{schema}"'.encode())
    assert everything(encoded.dsn(), schema=schema)
    with database_client(encoded.dsn(), schema=schema) as opened, opened.sample() as session:
        assert {table.schema_name for table in read(session).relations} == {schema, "auth"}
    refused = refusals(encoded.dsn(), schema="\u05e9\u05dc\u05d5\u05dd")
    assert {str(failure.reason) for failure in refused.values()} <= {"schema"}
    assert len(refused) == 5


def test_errors_in_another_encoding(encoded, encoding):
    """The server's messages about a name are UTF-8."""
    name = ODD_NAMES[encoding]
    refusal = pytest.raises(SchemaMismatch)
    with database_client(encoded.dsn(), schema=name) as opened, refusal as refused, opened.sample() as session:
        session.fetch_one("backlog_head", BacklogHead, **HEAD)
    assert str(refused.value) == f'backlog_head: relation "{name}.job_outbox" does not exist'


def test_a_name_that_cannot_be_decoded_is_in_the_message(embedded):
    """Bytes that no encoding explains are replaced wherever they are: in arrays, in names of roles and policies."""
    with postgres.encoded(embedded, "SQL_ASCII") as database:
        with database.connect(client_encoding="SQL_ASCII") as connection:
            connection.execute(b'CREATE POLICY "p\xfcblic" ON job_outbox AS RESTRICTIVE TO PUBLIC USING (attempts = 0)')
            connection.execute(b'CREATE POLICY "open" ON job_outbox TO PUBLIC USING (true)')
        with role(database) as watcher:
            allow(database, "GRANT SELECT ON job_outbox TO {role}", watcher)
            assert "restrictive policy p\ufffdblic" in refusals(database.dsn(watcher))["backlog"].message


def test_a_text_is_quoted_alike_whatever_connection_was_made_last(embedded):
    """Without a connection libpq would take it to be in the encoding of the last one, and change it."""
    quoted = queries.literal("予約").as_string()
    with embedded_connection(embedded, "EUC_JP"):
        assert queries.literal("予約").as_string() == quoted == "'予約'"
    with embedded_connection(embedded, "UTF8") as connection:
        for text in ("it's", "a\\b", "'\\'", "%s {0} ?", "予約\n"):
            statement = b"SELECT " + queries.literal(text).as_string().encode()
            for standard in ("on", "off"):
                connection.execute(f"SET standard_conforming_strings = {standard}")
                assert connection.execute(statement).fetchone() == (text,)


def embedded_connection(cluster, encoding: str) -> psycopg.Connection:
    return psycopg.connect(cluster.dsn(), client_encoding=encoding, autocommit=True)
