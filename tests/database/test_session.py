"""Guarantees of a session to the monitored database."""

import time

import pytest

from exporter.collectors.backlog import BacklogHead
from exporter.collectors.pending_groups import AttemptGroup
from exporter.core.errors import Locked, LoginRefused, Reason, SampleError, TooSlow, Unreachable
from exporter.database import (
    CLIENT_GRACE,
    DatabaseClient,
    Session,
    dsn_problem,
    passwords,
    target,
)
from exporter.database import session as session_module
from exporter.database.visibility import Table
from exporter.sampling.run import run_once
from tests.database.roles import monitoring_role
from tests.database.sampling import database_client, sampler
from tests.postgres import Database

OUTBOX = Table("job_outbox", ("created_at",))
HEAD = {"count_limit": 1, "batch": 1, "latest": 0, "since": 0, "recent_limit": 9, "lists_recent": False}


def show(session: Session, setting: str) -> str:
    row = session._connection.execute(f"SHOW {setting}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def backend(session: Session) -> int:
    return session._connection.info.backend_pid


def backend_of(opened: DatabaseClient) -> int:
    with opened.sample() as session:
        return backend(session)


def work(session: Session, *seconds: float) -> None:
    """Statements of a sample that take so long each."""
    for duration in seconds:
        session.fetch_one("backlog_head", BacklogHead, **HEAD)
        session._connection.execute("SELECT pg_sleep(%s)", (duration,))


def test_a_sample_cannot_write(database):
    """Not even a superuser's, not even a temporary table."""
    for statement in ("DELETE FROM public.job_outbox", "CREATE TABLE t ()", "SELECT nextval('cron.jobid_seq')"):
        with (
            database_client(database.dsn()) as opened,
            pytest.raises(SampleError, match="read-only"),
            opened.sample() as session,
        ):
            session._connection.execute(statement.encode())


@pytest.mark.parametrize(
    "begun",
    [b"BEGIN ISOLATION LEVEL REPEATABLE READ", b"BEGIN READ ONLY", b"BEGIN"],
    ids=["can write", "weaker", "both"],
)
def test_a_transaction_of_another_kind_is_refused(database, monkeypatch, begun):
    """Verified, not assumed: a pooler or proxy that dropped a setting is detected. No transaction is left open."""
    monkeypatch.setattr(session_module, "_BEGIN", begun)
    session_module._opening.cache_clear()
    with database_client(database.dsn()) as opened:
        with pytest.raises(SampleError, match="read-only, repeatable-read"), opened.sample(OUTBOX):
            pass
        monkeypatch.undo()
        session_module._opening.cache_clear()
        backend_of(opened)


def test_all_statements_see_one_snapshot(database):
    """A commit in the middle of a sample is for the next one."""
    with database_client(database.dsn()) as opened:
        for expected in (0, 1):
            with opened.sample(OUTBOX) as session:
                first = session._connection.execute(b"SELECT count(*) FROM public.organizations").fetchone()
                database.execute("INSERT INTO organizations (name) VALUES ('in between')")
                second = session._connection.execute(b"SELECT count(*) FROM public.organizations").fetchone()
                assert first == second == (expected,)


def test_a_row_of_other_fields_is_refused(database):
    """Values are identified by their position; in the wrong one they would be wrong."""
    refused = pytest.raises(TypeError, match=r"AttemptGroup has the fields .*, sql/backlog_head\.sql the columns")
    with database_client(database.dsn()) as opened, refused, opened.sample() as session:
        session.fetch("backlog_head", AttemptGroup, **HEAD)


def test_limits_hold_inside_the_transaction_only(database):
    """For all settings of the server; afterwards the connection has its original settings."""
    inside = {
        "statement_timeout": "4s",
        "lock_timeout": "300ms",
        "idle_in_transaction_session_timeout": "5s",
        "search_path": "pg_catalog, pg_temp",
        "row_security": "off",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
    }
    with database_client(database.dsn(), statement_timeout=4, lock_timeout=0.3) as opened:
        with database.connect() as fresh:
            outside = {name: fresh.execute(f"SHOW {name}".encode()).fetchone() for name in inside}
        with opened.sample(OUTBOX) as session:
            assert {name: show(session, name) for name in inside} == inside
            if session._connection.info.server_version >= 170000:
                assert show(session, "transaction_timeout") == "5s"
            connection = session._connection
        assert {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in inside} == outside


@pytest.mark.parametrize("reads", [(), (OUTBOX,)])
def test_bitmap_scans_are_preferred_on_request(database, reads):
    """In either case for this transaction only, and until it is changed."""

    def plans(session: Session) -> tuple[str, str]:
        return show(session, "enable_indexscan"), show(session, "enable_seqscan")

    with database_client(database.dsn()) as opened, opened.sample(*reads) as session:
        assert plans(session) == ("on", "on")
        session.prefer_bitmap_scans()
        assert plans(session) == ("off", "off")
        session.prefer_bitmap_scans(bitmap_scans=False)
        assert plans(session) == ("on", "off")


def test_critical_samples_take_three_messages(database):
    """One begins, one asks, one ends; the first sample of the backlog, which also reads the catalogue, takes more."""
    with sampler(database.dsn()) as sampling:
        taken: dict[str, list[int]] = {"backlog": [], "throughput": []}
        for collector in sampling.database_collectors[:2]:
            for _ in range(4):
                assert run_once(collector).succeeded
                taken[collector.name].append(sampling.database._round_trip._exchanges)
    assert taken["backlog"][0] > 3
    assert taken["backlog"][-1] == taken["throughput"][-1] == 3


@pytest.mark.parametrize(
    ("spoil", "reason", "message"),
    [
        ("ALTER TABLE job_outbox RENAME COLUMN attempts TO tries", Reason.SCHEMA, "job_outbox has no column attempts"),
        ("DROP TABLE job_outbox", Reason.SCHEMA, "there is no table public.job_outbox"),
        ("REVOKE SELECT ON job_outbox FROM outbox_monitor", Reason.PERMISSION, "GRANT SELECT"),
        ("REVOKE SELECT (attempts) ON job_outbox FROM outbox_monitor", Reason.PERMISSION, "GRANT SELECT (attempts)"),
        ("ALTER ROLE outbox_monitor NOBYPASSRLS; DROP POLICY outbox_monitor_read ON job_outbox", Reason.RLS, "hides"),
    ],
    ids=["column", "table", "table's privilege", "column's privilege", "row security"],
)
def test_a_change_between_two_samples_fails_the_next_and_is_named(database, spoil, reason, message):
    """Something is dropped between two samples: the next fails for that reason, and the one after names it."""
    with monitoring_role(database) as role, sampler(database.dsn(role)) as sampling:
        backlog = sampling.database_collectors[0]
        assert all(run_once(backlog).succeeded for _ in range(2))
        with database.connect() as owner:
            owner.execute(b"SET search_path = public")
            for statement in spoil.split("; "):
                owner.execute(statement.encode())
        runs = [run_once(backlog) for _ in range(2)]
    assert all(run.outcome.readings == () for run in runs)
    failures = [failure for run in runs for failure in run.outcome.failures]
    assert [failure.reason for failure in failures] == [reason, reason]
    assert message in failures[1].message


def test_nothing_is_prepared_and_one_connection_serves_all(database):
    """Samples leave no statement behind on the server, and share a connection with an application name."""
    with database_client(database.dsn()) as opened:
        backends = set()
        for _ in range(12):
            with opened.sample(OUTBOX) as session:
                session.plan("backlog")
                backends.add(backend(session))
                prepared = session._connection.execute(b"SELECT count(*) FROM pg_prepared_statements").fetchone()
                assert prepared == (0,)
        ours = database.value("SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = 'outbox-exporter'")
        assert ours == list(backends)


def test_now_is_the_database_s(database):
    """The same instant that now() is in every statement, exactly."""
    with database_client(database.dsn()) as opened, opened.sample() as session:
        row = session._connection.execute(b"SELECT extract(epoch FROM now())::float8").fetchone()
        assert row == (session.now,)


def test_the_first_message_has_a_comment_for_pg_stat_activity():
    """As every other statement: the text in pg_stat_activity begins with the name of the collector."""
    opening = session_module._opening(("public", None, 5.0, 0.5), (OUTBOX,), True, session_module.Expected(filter=True))
    assert opening.startswith(b"/* outbox-exporter: begin */ BEGIN ")


def test_the_role_is_the_one_that_counts(database):
    """Quoted where its name needs it, and after SET ROLE the one that was taken on."""
    with database_client(f"{database.dsn()}?options=-c%20role%3Dservice_role") as opened, opened.sample() as session:
        assert session.role == "service_role"


def test_a_slow_statement_is_the_servers_to_end(database):
    """Reason timeout; the connection is kept and works."""
    with database_client(database.dsn(), statement_timeout=0.2) as opened:
        first = backend_of(opened)
        with pytest.raises(TooSlow) as slow, opened.sample() as session:
            work(session, 5)
        assert slow.value.reason is Reason.TIMEOUT
        assert backend_of(opened) == first


def test_many_slow_statements_are_too_slow_together(database):
    """Each below the limit, all above: the sample is ended as slow and the server is not taken for dead."""
    with database_client(database.dsn(), statement_timeout=2) as opened:
        first = backend_of(opened)
        started = time.monotonic()
        with pytest.raises(TooSlow), opened.sample() as session:
            work(session, 0.7, 0.7, 0.7, 0.7)
        assert time.monotonic() - started < 2 + 2 * CLIENT_GRACE
        assert backend_of(opened) == first


def test_a_lock_is_waited_for_no_longer_than_agreed(database):
    """Reason lock."""
    with database.connect(autocommit=False) as locker, database_client(database.dsn(), lock_timeout=0.1) as opened:
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(Locked) as locked, opened.sample() as session:
            session.plan("backlog")
        assert locked.value.reason is Reason.LOCK
        assert 0.1 <= time.monotonic() - started < 3  # statement_timeout is 5


@pytest.mark.parametrize(
    ("name", "user", "error"),
    [("no such database", "postgres", Unreachable), (None, "nobody at all", LoginRefused)],
    ids=["database", "role"],
)
def test_a_failed_connection_names_its_cause_and_no_password(database, name, user, error):
    """Reason connection or authentication; the server's own message; the password in none of them."""
    other = Database(database.cluster, name or database.name)
    with database_client(other.dsn(user, password="hunter2")) as opened:
        with pytest.raises(error, match="does not exist") as refused, opened.sample():
            pass
        assert "hunter2" not in str(refused.value)
        assert "hunter2" not in opened.target


def test_the_connection_target_has_no_secrets():
    """Host, port and database, completed as libpq would."""
    assert target("postgresql://u:hunter2@db.example:6432/outbox?sslmode=require") == "db.example:6432/outbox"
    assert target("host=/run/postgresql dbname=x password=hunter2") == "/run/postgresql:5432/x"


def test_the_passwords_of_a_dsn():
    """So that it can be hidden before printing."""
    assert passwords("postgresql://u:hunter2@h/x?sslpassword=s3") == ("hunter2", "s3")
    assert passwords("host=h") == ()


def test_a_dsn_problem_never_repeats_the_dsn():
    """A wrong string may hold a password anywhere."""
    assert dsn_problem("postgresql://u:hunter2@h/x") is None
    problem = dsn_problem("host=h pasword=hunter2")
    assert problem is not None
    assert "hunter2" not in problem
    assert "pasword" not in problem
