"""What a role cannot see is unknown; the real pg_cron; cost; errors of the guide; after a rollback."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from exporter.collectors.migration import MigrationCollector
from exporter.core.errors import Locked
from exporter.database import queries
from exporter.lab import migrate
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport
from exporter.migration.verify.catalogue import ROLES, STATEMENTS
from exporter.migration.verify.run import verify
from tests import postgres
from tests.lab.waiting import wait_for
from tests.migration.partitioned import PARTITIONED
from tests.migration.smoke.test_run import OTHER_ROWS
from tests.migration.verification import (
    MONITOR,
    apply_remedies,
    broken_checks,
    checks,
    create_monitor,
    exporter_client,
    run_verify,
)

KEYS_JOB, OUTBOX_JOB = expected.JOB_NAMES
RECORD_CHECKS = {
    *(f"register.{migration.version}" for migration in expected.MIGRATIONS),
    "register.order",
    *(f"cron.{job}" for job in expected.JOB_NAMES),
    *(f"cron.{job}.runs" for job in expected.JOB_NAMES),
}
CRON = {check for check in RECORD_CHECKS if check.startswith("cron.")}


def test_what_the_monitoring_role_cannot_see_is_unknown(database):
    """Without any right to the books they are unknown, the catalogue is judged all the same."""
    report = run_verify(database, create_monitor(database))
    assert checks(report, CheckAnswer.UNKNOWN) == RECORD_CHECKS
    assert checks(report, CheckAnswer.BROKEN) == set()
    assert report.answer is CheckAnswer.UNKNOWN
    assert all(finding.found and finding.remedy for finding in report.findings if finding.answer is CheckAnswer.UNKNOWN)


def test_the_remedies_for_what_is_unknown_work(database):
    """Following them step by step ends where only foreign jobs stay invisible."""
    role = create_monitor(database)
    for _ in range(3):
        remedies = {f.remedy for f in run_verify(database, role).findings if f.remedy.startswith("GRANT")}
        for remedy in remedies:
            database.execute(remedy)
    assert checks(run_verify(database, role), CheckAnswer.UNKNOWN) == CRON


def test_broken_is_told_from_unknown_without_any_privilege(database):
    """The monitoring role sees a broken table although it may read none of it."""
    database.execute("DROP INDEX idx_job_outbox_unprocessed; ALTER TABLE fsm_events DISABLE ROW LEVEL SECURITY")
    report = run_verify(database, create_monitor(database))
    assert checks(report, CheckAnswer.BROKEN) == {"idx_job_outbox_unprocessed", "fsm_events.row_security"}
    assert report.answer is CheckAnswer.BROKEN


def test_without_pg_cron_its_checks_are_unknown(embedded_database):
    """An absent extension proves nothing, not even to a superuser."""
    embedded_database.execute("DROP SCHEMA cron CASCADE")
    report = run_verify(embedded_database)
    assert checks(report, CheckAnswer.UNKNOWN) == CRON
    assert checks(report, CheckAnswer.BROKEN) == set()


def test_without_a_register_its_checks_are_unknown(embedded_database):
    """A database that was migrated by hand has no register."""
    embedded_database.execute("DROP SCHEMA supabase_migrations CASCADE")
    report = run_verify(embedded_database)
    assert checks(report, CheckAnswer.UNKNOWN) == {check for check in RECORD_CHECKS if check.startswith("register.")}


UNREADABLE = {
    "a check in other words": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by ~ '^(API|QUEUE|WORKER)$')"
        ),
        "fsm_events.created_by.check",
    ),
    "a policy with more in it": (
        (
            "DROP POLICY fsm_events_user_read ON fsm_events; CREATE POLICY fsm_events_user_read ON fsm_events "
            "FOR SELECT USING (user_id = auth.uid() OR event_type = 'PUBLIC')"
        ),
        "fsm_events.policy.fsm_events_user_read",
    ),
    "a body that is no text": (
        (
            "CREATE OR REPLACE FUNCTION cleanup_old_outbox_entries() RETURNS INTEGER LANGUAGE sql SECURITY DEFINER "
            "BEGIN ATOMIC DELETE FROM job_outbox WHERE false; SELECT 1; END"
        ),
        "cleanup_old_outbox_entries.body",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_we_cannot_judge_is_unknown(database, case):
    """Neither sound nor broken: a person has to look."""
    statement, check = UNREADABLE[case]
    database.execute(statement)
    report = run_verify(database)
    assert checks(report, CheckAnswer.UNKNOWN) == {check}
    assert checks(report, CheckAnswer.BROKEN) == set()


# --- pg_cron itself


def own(database: postgres.Database, owner: str) -> None:
    """Hands the jobs to another role, as if it had applied the migration."""
    with database.connect() as connection:
        connection.execute("UPDATE cron.job SET username = %s", (owner,))
        connection.execute(f"GRANT USAGE ON SCHEMA cron TO {owner}")


def run(database: postgres.Database, job: str, status: str = "succeeded", ago: str = "1 hour") -> None:
    """Notes a run in pg_cron's own table, as its launcher would."""
    database.execute(
        "INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time) "
        "SELECT jobid, nextval('cron.runid_seq'), database, username, command, %s, NOW() - %s::interval, "
        "NOW() - %s::interval FROM cron.job WHERE jobname = %s",
        (status, ago, ago, job),
    )


def test_with_the_real_pg_cron_everything_is_sound(cron_database):
    """Scheduled, active, not due yet."""
    assert broken_checks(cron_database) == set()


def test_jobs_of_others_are_unknown_in_the_real_pg_cron(cron_database):
    """cron.job shows a role its own jobs only: an empty answer is no proof of absence."""
    role = create_monitor(cron_database)
    cron_database.execute(f"GRANT USAGE ON SCHEMA cron TO {role}")
    assert checks(run_verify(cron_database, role), CheckAnswer.UNKNOWN) >= CRON
    cron_database.execute(f"SELECT cron.unschedule('{KEYS_JOB}')")
    assert f"cron.{KEYS_JOB}" in checks(run_verify(cron_database, role), CheckAnswer.UNKNOWN)
    assert broken_checks(cron_database) == {f"cron.{KEYS_JOB}", f"cron.{KEYS_JOB}.runs"}


def test_own_jobs_are_judged_in_the_real_pg_cron(cron_database):
    """The role that scheduled them sees jobs and runs."""
    role = create_monitor(cron_database)
    own(cron_database, role)
    run(cron_database, KEYS_JOB)
    report = run_verify(cron_database, role)
    assert checks(report, CheckAnswer.OK) >= CRON
    run(cron_database, KEYS_JOB, "failed", "1 minute")
    assert checks(run_verify(cron_database, role), CheckAnswer.BROKEN) == {f"cron.{KEYS_JOB}.runs"}


def test_a_policy_of_its_own_lets_the_monitoring_role_see_pg_cron(cron_database):
    """What a superuser may grant: then nothing about the jobs is unknown, and nothing is taken for missing."""
    role = create_monitor(cron_database)
    cron_database.execute(
        f"GRANT USAGE ON SCHEMA cron TO {role};"
        f"CREATE POLICY seen ON cron.job FOR SELECT TO {role} USING (true);"
        f"CREATE POLICY seen ON cron.job_run_details FOR SELECT TO {role} USING (true)"
    )
    assert checks(run_verify(cron_database, role), CheckAnswer.OK) >= CRON
    cron_database.execute(f"SELECT cron.unschedule('{OUTBOX_JOB}')")
    assert checks(run_verify(cron_database, role), CheckAnswer.BROKEN) == {
        f"cron.{OUTBOX_JOB}",
        f"cron.{OUTBOX_JOB}.runs",
    }


def test_a_job_switched_off_is_broken_in_the_real_pg_cron(cron_database):
    """alter_job is how it is switched off."""
    cron_database.execute(
        "SELECT cron.alter_job(jobid, active := false) FROM cron.job WHERE jobname = %s", (OUTBOX_JOB,)
    )
    assert broken_checks(cron_database) == {f"cron.{OUTBOX_JOB}"}


def test_a_clean_up_that_really_fails_is_noticed(cron_database):
    """pg_cron runs the job, the job fails, the check says why."""
    cron_database.execute("ALTER TABLE idempotency_keys RENAME TO gone")
    # Its clock ticks once a minute; this schedule needs none.
    cron_database.execute("UPDATE cron.job SET schedule = '@reboot' WHERE jobname = %s", (KEYS_JOB,))
    cron_database.cluster.restart()
    wait_for(lambda: cron_database.value("SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"))
    report = run_verify(cron_database)
    (finding,) = (f for f in report.findings if f.check == f"cron.{KEYS_JOB}.runs")
    assert finding.answer is CheckAnswer.BROKEN
    assert "idempotency_keys" in finding.found


def test_the_runs_of_a_busy_pg_cron_are_found_cheaply(cron_database):
    """A week of one job a minute lies between: the weekly run is found, by the primary key and without a scan."""
    run(cron_database, OUTBOX_JOB, ago="6 days")
    cron_database.execute(
        "INSERT INTO cron.job_run_details (jobid, runid, status, start_time, end_time) "
        "SELECT 999, nextval('cron.runid_seq'), 'succeeded', NOW(), NOW() FROM generate_series(1, 12000)"
    )
    cron_database.execute("ANALYZE cron.job_run_details")
    report = run_verify(cron_database)
    (finding,) = (f for f in report.findings if f.check == f"cron.{OUTBOX_JOB}.runs")
    assert (finding.answer, finding.found) == (CheckAnswer.OK, "as expected")
    run(cron_database, OUTBOX_JOB, "failed", "1 minute")
    assert broken_checks(cron_database) == {f"cron.{OUTBOX_JOB}.runs"}


# --- pg_cron's clock


def in_zone(database: postgres.Database, zone: str) -> None:
    """As pg_cron 1.5 and later have it; without the library any session may have such a setting."""
    database.execute(
        sql.SQL("ALTER DATABASE {} SET cron.timezone = {}").format(sql.Identifier(database.name), sql.Literal(zone))
    )


def of(report: CheckReport, check: str) -> CheckFinding:
    return next(finding for finding in report.findings if finding.check == check)


@pytest.mark.parametrize(
    ("zone", "time"),
    [("Asia/Tokyo", "0 18 * * *"), ("Asia/Kathmandu", "15 21 * * *"), ("Etc/GMT+8", "0 11 * * *")],
)
def test_verify_says_when_a_job_really_runs(embedded_database, zone, time):
    """A schedule is meant in cron.timezone: right as it stands, and told with a warning."""
    in_zone(embedded_database, zone)
    report = run_verify(embedded_database)
    assert report.answer is CheckAnswer.OK
    assert of(report, f"cron.{KEYS_JOB}").found == f"scheduled at 0 3 * * * {zone}, which is {time} UTC now"
    assert any(warning.subject == "cron.timezone" and zone in warning.text for warning in report.warnings)


def test_a_schedule_that_means_the_documented_time_in_utc_is_sound(embedded_database):
    """Whoever set another zone may have moved the schedule with it; by neither clock it is broken."""
    in_zone(embedded_database, "Asia/Tokyo")
    change = "UPDATE cron.job SET schedule = %s WHERE jobname = %s"
    for schedule, answer in (("0 12 * * *", CheckAnswer.OK), ("0 4 * * *", CheckAnswer.BROKEN)):
        embedded_database.execute(change, (schedule, KEYS_JOB))
        assert of(run_verify(embedded_database), f"cron.{KEYS_JOB}").answer is answer


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Etc/UTC", ""])
def test_other_names_of_utc_are_no_news(embedded_database, zone):
    """Nothing is said of them."""
    in_zone(embedded_database, zone)
    report = run_verify(embedded_database)
    assert of(report, f"cron.{KEYS_JOB}").found == "as expected"
    assert not any(warning.subject == "cron.timezone" for warning in report.warnings)


@pytest.fixture
def newer_pg_cron(embedded_database) -> Iterator[postgres.Database]:
    """The database of a server whose pg_cron hides the setting from most roles."""
    with tempfile.TemporaryDirectory(prefix="outbox-extensions-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "extension").mkdir()
        (directory / "extension" / "pg_cron.control").write_text("default_version = '1.6'\n")
        setting = sql.SQL("ALTER DATABASE {} SET extension_control_path = {}")
        path = sql.Literal(f"{directory}:$system")
        embedded_database.execute(setting.format(sql.Identifier(embedded_database.name), path))
        yield embedded_database


def test_a_zone_that_may_be_hidden_is_not_asked_for(newer_pg_cron):
    """The question would be refused and end the transaction; a right schedule stays right, a wrong one is unknown."""
    role = create_monitor(newer_pg_cron)
    newer_pg_cron.execute(
        f"GRANT USAGE ON SCHEMA cron TO {role};"
        f"CREATE POLICY seen ON cron.job FOR SELECT TO {role} USING (true);"
        f"CREATE POLICY seen ON cron.job_run_details FOR SELECT TO {role} USING (true)"
    )
    found = of(run_verify(newer_pg_cron, role), f"cron.{KEYS_JOB}")
    assert (found.answer, "may not see cron.timezone" in found.found) == (CheckAnswer.OK, True)
    newer_pg_cron.execute("UPDATE cron.job SET schedule = '0 12 * * *' WHERE jobname = %s", (KEYS_JOB,))
    found = of(run_verify(newer_pg_cron, role), f"cron.{KEYS_JOB}")
    assert (found.answer, "pg_read_all_settings" in found.remedy) == (CheckAnswer.UNKNOWN, True)
    in_zone(newer_pg_cron, "Asia/Tokyo")
    assert of(run_verify(newer_pg_cron), f"cron.{KEYS_JOB}").answer is CheckAnswer.OK
    newer_pg_cron.execute(f"GRANT pg_read_all_settings TO {role} WITH INHERIT TRUE")
    try:
        assert of(run_verify(newer_pg_cron, role), f"cron.{KEYS_JOB}").answer is CheckAnswer.OK
    finally:
        newer_pg_cron.execute(f"REVOKE pg_read_all_settings FROM {role}")


def offset(database: postgres.Database, user: str) -> list[float]:
    with exporter_client(database, user) as client:
        readings = MigrationCollector(client).collect().readings
    return [
        each.value for each in readings if isinstance(each, Reading) and each.metric == catalogue.CRON_TIMEZONE_OFFSET
    ]


def test_the_clock_of_pg_cron_is_a_metric(newer_pg_cron):
    """Seconds ahead of UTC; without a value where it cannot be seen, which is not 0."""
    assert offset(newer_pg_cron, "postgres") == [0]
    in_zone(newer_pg_cron, "Etc/GMT+3")
    assert offset(newer_pg_cron, "postgres") == [-10_800]
    assert offset(newer_pg_cron, create_monitor(newer_pg_cron)) == []


def test_the_clock_of_an_older_pg_cron_is_utc(cron_database):
    """Before 1.5 there is no such setting: no role has to be asked."""
    assert offset(cron_database, create_monitor(cron_database)) == [0]


# --- cost


def scans(database: postgres.Database) -> dict[str, int]:
    """How often each table was read, by any way, since the server started."""
    with database.connect() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT format('%I.%I', schemaname, relname), seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
        ).fetchall()
    return dict(rows)


def buffers(database: postgres.Database) -> int:
    """How many pages the statements over the catalogue touch, planning included."""
    tables = list(expected.TABLE_NAMES)
    parameters = {
        "schema": "public",
        "schemas": ["public"] * len(tables),
        "tables": tables,
        "names": list(expected.FUNCTION_NAMES),
        "functions": list(expected.FUNCTION_NAMES),
        "policies": [policy.name for table in expected.TABLES for policy in table.policies],
        "roles": list(ROLES),
        "outsiders": list(expected.OUTSIDERS),
    }
    total = 0
    with database.connect() as connection:
        for statement in STATEMENTS:
            explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + queries.load(statement).compose("public")
            connection.execute(explain, parameters)  # fills the session's own caches
            row = connection.execute(explain, parameters).fetchone()
            assert row is not None
            parts = (row[0][0]["Plan"], row[0][0]["Planning"])
            total += sum(part["Shared Hit Blocks"] + part["Shared Read Blocks"] for part in parts)
    return total


def test_ten_thousand_tables_take_less_than_two_seconds_and_none_is_read(cluster):
    """The catalogue is asked by its indexes; only the two books are read."""
    with postgres.cloned(cluster) as database:
        with database.connect() as connection:
            for start in range(0, 10_000, 500):  # one transaction would need too many locks
                connection.execute(
                    f"DO $$ BEGIN FOR n IN {start}..{start + 499} LOOP "
                    "EXECUTE format('CREATE TABLE many_%s (id INT PRIMARY KEY, job_outbox INT)', n); "
                    "END LOOP; END $$"
                )
            connection.execute("VACUUM ANALYZE")
        before = scans(database)
        with exporter_client(database) as client, client.sample():
            pass  # connected
        with exporter_client(database) as client:
            started = time.monotonic()
            with client.sample() as session:
                assert verify(session).answer is CheckAnswer.OK
            assert time.monotonic() - started < 2
        assert buffers(database) < 1000
        time.sleep(0.1)
        after = scans(database)
        read = {table for table, count in after.items() if count != before[table]}
        assert read <= {"cron.job", "cron.job_run_details", "supabase_migrations.schema_migrations"}


def test_one_look_holds_no_lock_that_hurts(database):
    """Nothing beyond ACCESS SHARE, and on the application's side on the three tables alone."""
    with exporter_client(database) as client, client.sample() as session:
        verify(session)
        with database.connect() as connection:
            locks = connection.execute(
                "SELECT DISTINCT c.relname, l.mode FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation "
                "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                "WHERE l.pid <> pg_backend_pid() AND n.nspname IN ('public', 'auth') "
                "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
    assert {mode for _, mode in locks} <= {"AccessShareLock"}
    assert {name for name, _ in locks} <= set(expected.TABLE_NAMES)


def test_a_locked_table_delays_nobody_for_long(database):
    """Either the look succeeds or it gives up as Locked within lock_timeout; it never queues before a migration."""
    with database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        try:
            run_verify(database)
        except Locked:
            assert time.monotonic() - started < 3


def test_metrics_leave_out_what_is_unknown(database):
    """Sound checks are 1, broken ones 0, unknown ones have no series; the counts say how many there are."""
    role = create_monitor(database)
    database.execute("DROP INDEX idx_job_outbox_entity")
    with exporter_client(database, role) as client:
        outcome = MigrationCollector(client).collect()
    values = {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric == catalogue.MIGRATION_CHECK_OK
    }
    counts = {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric == catalogue.MIGRATION_CHECKS
    }
    assert values["idx_job_outbox_entity"] == 0
    assert values["idx_job_outbox_cleanup"] == 1
    assert not RECORD_CHECKS & set(values)
    assert counts == {"ok": len(values) - 1, "broken": 1, "unknown": len(RECORD_CHECKS)}


# --- the guide's Troubleshooting

ERRORS = {
    "relation": (
        "DELETE FROM supabase_migrations.schema_migrations",
        'relation "job_outbox" already exists',
        "repair --status applied 20251118094238",
    ),
    "tables gone": (
        "DROP TABLE job_outbox, idempotency_keys, fsm_events",
        'relation "job_outbox" does not exist',
        "repair --status reverted 20251118094238",
    ),
    "column": ("ALTER TABLE job_outbox DROP COLUMN attempts", "column does not exist", "\\d+ public.courses"),
    "dependency": ("DROP TABLE courses CASCADE", "column does not exist", "tablename = 'courses'"),
    "function": (
        f"DROP FUNCTION {KEYS_JOB}",
        "function does not exist",
        f"\\df {KEYS_JOB}\nrecreate the functions from the migration file",
    ),
    "search_path": (
        "ALTER FUNCTION initialize_fsm_with_outbox SET search_path = public",
        "search_path hijacking",
        "SET search_path = public, pg_temp",
    ),
    "permission": (
        "REVOKE EXECUTE ON FUNCTION initialize_fsm_with_outbox FROM authenticated",
        "permission denied",
        "TO authenticated",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_the_guides_errors_are_recognised_with_its_remedy(database, case):
    """For each error of the Troubleshooting section its cause is named and its remedy printed."""
    statement, error, remedy = ERRORS[case]
    assert run_verify(database).diagnoses == ()
    database.execute(statement)
    found = [each for each in run_verify(database).diagnoses if each.error == error]
    assert found
    assert any(remedy in each.remedy for each in found)


MENDED = {
    "index": "DROP INDEX idx_job_outbox_unprocessed",
    "default": "ALTER TABLE fsm_events ALTER created_at DROP DEFAULT, ALTER event_id DROP DEFAULT",
    "time to live": "ALTER TABLE idempotency_keys ALTER expires_at DROP DEFAULT",
    "nullable": "ALTER TABLE job_outbox ALTER queue_name DROP NOT NULL",
    "reference": "ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_entity_id_fkey",
    "restricting reference": "ALTER TABLE job_outbox ADD FOREIGN KEY (entity_id) REFERENCES courses ON DELETE RESTRICT",
    "triggers": "ALTER TABLE job_outbox DISABLE TRIGGER ALL",
    "check": "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check",
    "row security": "ALTER TABLE job_outbox DISABLE ROW LEVEL SECURITY",
    "policy": (
        "DROP POLICY job_outbox_system_only ON job_outbox; "
        "CREATE POLICY job_outbox_system_only ON job_outbox USING (true)"
    ),
    "own rows": "DROP POLICY fsm_events_user_read ON fsm_events",
    "search_path": "ALTER FUNCTION initialize_fsm_with_outbox RESET search_path",
    "unlogged": "ALTER TABLE idempotency_keys SET UNLOGGED",
    "execute": "REVOKE ALL ON FUNCTION initialize_fsm_with_outbox FROM authenticated",
    "definer": "ALTER FUNCTION initialize_fsm_with_outbox SECURITY INVOKER",
    "job": f"SELECT cron.unschedule('{KEYS_JOB}')",
    "inactive job": f"UPDATE cron.job SET active = false WHERE jobname = '{KEYS_JOB}'",
}


@pytest.mark.parametrize("case", MENDED)
def test_a_remedy_mends(database, case):
    """The statements printed bring the database back to sound, as they are."""
    database.execute(MENDED[case])
    apply_remedies(database)
    assert broken_checks(database) == set()


PARTITIONS_MENDED = {
    "index": "DROP INDEX idx_job_outbox_entity; CREATE INDEX idx_job_outbox_entity ON ONLY job_outbox (entity_id)",
    "no index": "DROP INDEX idx_job_outbox_cleanup",
    "primary key": "ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_pkey",
    "reference": "ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_entity_id_fkey",
    "open partitions": (
        "DO $$ BEGIN FOR n IN 0..4 LOOP EXECUTE format("
        "'ALTER TABLE job_outbox_p%s DISABLE ROW LEVEL SECURITY; GRANT SELECT ON job_outbox_p%s TO anon', n, n); "
        "END LOOP; END $$"
    ),
    "triggers": "ALTER TABLE job_outbox_p2 DISABLE TRIGGER ALL",
}


@pytest.mark.parametrize("case", PARTITIONS_MENDED)
def test_a_remedy_mends_a_partitioned_table(database, case):
    """Without CONCURRENTLY, which such a table does not know, and with the partition key in the primary key."""
    database.execute(PARTITIONED)
    database.execute(PARTITIONS_MENDED[case])
    apply_remedies(database)
    assert broken_checks(database) == set()


MOVED = """
    CREATE SCHEMA {new}; GRANT USAGE ON SCHEMA {new} TO anon, authenticated, service_role;
    ALTER TABLE courses SET SCHEMA {new}; ALTER TABLE job_outbox SET SCHEMA {new};
    ALTER TABLE idempotency_keys SET SCHEMA {new}; ALTER TABLE fsm_events SET SCHEMA {new};
    ALTER FUNCTION initialize_fsm_with_outbox SET SCHEMA {new};
    ALTER FUNCTION cleanup_expired_idempotency_keys SET SCHEMA {new};
    ALTER FUNCTION cleanup_old_outbox_entries SET SCHEMA {new};
    SET search_path = {new}, public;
"""


@pytest.mark.parametrize("schema", ["Order", "select", "it's", 'say "hi"'])
@pytest.mark.parametrize("case", MENDED)
def test_a_remedy_mends_in_a_schema_of_any_name(embedded_database, case, schema):
    """Reserved words, capitals, quotes: every name in every statement is quoted where it has to be."""
    database, new = embedded_database, '"{}"'.format(schema.replace('"', '""'))
    database.execute(MOVED.replace("{new}", new) + MENDED[case])
    apply_remedies(database, schema=schema)
    assert broken_checks(database, schema=schema) == set()


def test_names_are_quoted_as_the_server_quotes_them(cluster):
    """Each of its keywords, and names of every kind: what it would quote is quoted."""
    kinds = ("plain", "Mixed", "with space", "1st", "ümlaut", 'say "hi"', "under_score", "a$b", "", "public")
    with postgres.temporary(cluster) as database, database.connect() as connection:
        words = [str(row[0]) for row in connection.execute("SELECT word FROM pg_get_keywords()").fetchall()]
        for name in (*words, *kinds):
            row = connection.execute("SELECT quote_ident(%s), quote_ident(%s) <> %s", (name, name, name)).fetchone()
            assert row is not None
            # An older server knows fewer keywords: quotes too many do no harm.
            assert identifier(name) == row[0] or not row[1]
            assert connection.execute(f"SELECT 1 AS {identifier(name or 'x')}".encode()).fetchone() == (1,)


NAMED = {
    "constraint": 'ALTER TABLE job_outbox ADD CONSTRAINT "Check" FOREIGN KEY (entity_id) REFERENCES courses',
    "not validated": (
        'ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_entity_id_fkey, ADD CONSTRAINT "user" '
        "FOREIGN KEY (entity_id) REFERENCES courses ON DELETE CASCADE NOT VALID"
    ),
    "check": (
        "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
        "ADD CONSTRAINT \"Sources!\" CHECK (created_by IN ('API', 'QUEUE', 'WORKER')) NOT VALID"
    ),
    "policy": 'CREATE POLICY "For All" ON job_outbox USING (true)',
}


@pytest.mark.parametrize("case", NAMED)
def test_a_remedy_mends_what_has_an_unusual_name(database, case):
    """Names that others chose are quoted, too."""
    database.execute(NAMED[case])
    apply_remedies(database)
    assert broken_checks(database) == set()


@pytest.mark.parametrize("precision", ["", "(3)"])
def test_times_without_a_zone_are_converted_by_a_zone_that_people_name(database, precision):
    """The statement does nothing before somebody says in which zone the values were written."""
    database.execute(OTHER_ROWS)
    database.execute(f"ALTER TABLE job_outbox ALTER processed_at TYPE TIMESTAMP{precision}".encode())
    database.execute("UPDATE job_outbox SET processed_at = '2026-01-01 00:00'")
    (finding,) = (f for f in run_verify(database).findings if f.answer is CheckAnswer.BROKEN)
    statement, advice = finding.remedy.splitlines()
    assert statement == (
        "ALTER TABLE public.job_outbox ALTER COLUMN processed_at TYPE timestamp with time zone "
        "USING processed_at AT TIME ZONE '<zone>';"
    )
    assert "UTC" in advice
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        database.execute(statement)
    database.execute(statement.replace("<zone>", "Asia/Tokyo"))
    assert broken_checks(database) == set()
    assert database.value("SELECT bool_and(processed_at = '2025-12-31 15:00+00') FROM job_outbox")


def test_a_partition_key_cannot_be_converted(database):
    """PostgreSQL refuses any such statement, so that none is printed."""
    database.execute(PARTITIONED.replace("created_at TIMESTAMPTZ NOT NULL", "created_at TIMESTAMP NOT NULL"))
    (finding,) = (f for f in run_verify(database).findings if f.answer is CheckAnswer.BROKEN)
    assert "created_at is timestamp without time zone" in finding.found
    assert "ALTER TABLE" not in finding.remedy


def test_a_policy_that_is_not_understood_is_not_replaced(database):
    """It says what is there and what is expected, and prints no statement that would shut people out or let them in."""
    statement, check = UNREADABLE["a policy with more in it"]
    database.execute(statement)
    (finding,) = (f for f in run_verify(database).findings if f.check == check)
    assert "event_type" in finding.found
    assert "user_id = auth.uid()" in finding.expected
    assert finding.remedy.startswith("see whether it means the same: SELECT ")
    assert not any(word in finding.remedy for word in ("DROP", "CREATE", "ALTER"))
    database.execute(finding.remedy.split(": ", 1)[1])


def test_a_later_policy_under_a_condition_is_not_dropped(database):
    """A warning about it names it, and prints no DROP."""
    database.execute("CREATE POLICY later ON job_outbox FOR SELECT TO authenticated USING (entity_id = auth.uid())")
    (warning,) = (c for c in run_verify(database).warnings if c.subject == "job_outbox.later")
    assert "DROP" not in warning.remedy


# --- after a rollback

ROLLBACK = """
    DROP FUNCTION IF EXISTS initialize_fsm_with_outbox;
    DROP TABLE IF EXISTS fsm_events;
    DROP TABLE IF EXISTS idempotency_keys;
    DROP TABLE IF EXISTS job_outbox;
    SELECT cron.unschedule('cleanup_expired_idempotency_keys');
    SELECT cron.unschedule('cleanup_old_outbox_entries');
"""


def test_the_guides_rollback_leaves_clean_ups_and_register(database):
    """`--expect absent` names them with the statements that remove them; then nothing is left."""
    database.execute(ROLLBACK)
    report = run_verify(database, expect="absent")
    versions = [migration.version for migration in expected.MIGRATIONS]
    assert checks(report, CheckAnswer.BROKEN) == {
        KEYS_JOB,
        OUTBOX_JOB,
        *(f"register.{version}" for version in versions),
    }
    for finding in report.findings:
        if finding.remedy.startswith("DROP"):
            database.execute(finding.remedy)
    database.execute("DELETE FROM supabase_migrations.schema_migrations")
    assert run_verify(database, expect="absent").answer is CheckAnswer.OK


def test_before_a_rollback_everything_is_left(database):
    """Every check of absence is broken in a migrated database."""
    report = run_verify(database, expect="absent")
    assert checks(report, CheckAnswer.BROKEN) == {finding.check for finding in report.findings}


def test_one_index_left_is_noticed(embedded_database):
    """An index of a documented name on another table is a leftover too."""
    embedded_database.execute(ROLLBACK + "CREATE INDEX idx_fsm_events_type ON courses (title);")
    assert "fsm_events" in checks(run_verify(embedded_database, expect="absent"), CheckAnswer.BROKEN)


def test_absence_that_cannot_be_seen_is_unknown(cron_database):
    """After a rollback the monitoring role cannot say that no job is left."""
    cron_database.execute(ROLLBACK)
    cron_database.execute(f"GRANT USAGE ON SCHEMA cron TO {create_monitor(cron_database)}")
    report = run_verify(cron_database, MONITOR, expect="absent")
    assert "cron" in checks(report, CheckAnswer.UNKNOWN)
    assert "cron" in checks(run_verify(cron_database, expect="absent"), CheckAnswer.OK)


def test_a_database_without_the_migration_is_broken_not_unknown(cluster):
    """Before the migration: dependencies are there, the rest is missing."""
    with postgres.temporary(cluster) as database:
        with database.connect() as connection:
            migrate.apply_surroundings(connection)
        found = broken_checks(database)
        assert not {check for check in found if check.startswith("dependency.")}
        assert {f"{table}.table" for table in expected.TABLE_NAMES} < found
        assert run_verify(database, expect="absent").answer is CheckAnswer.OK


def test_an_empty_database_is_answered_too(cluster):
    """No schema of ours, no auth, no register, no pg_cron: no error."""
    with postgres.temporary(cluster) as database:
        report = run_verify(database)
        assert report.answer is CheckAnswer.BROKEN
        assert {"dependency.courses", "dependency.users"} < checks(report, CheckAnswer.BROKEN)
        assert run_verify(database, expect="absent").answer is CheckAnswer.OK


def test_a_schema_that_does_not_exist_is_broken(embedded_database):
    """The first thing to look at is the configuration."""
    assert {f"{table}.table" for table in expected.TABLE_NAMES} < checks(
        run_verify(embedded_database, schema="nowhere"), CheckAnswer.BROKEN
    )


def test_the_role_needs_no_right_at_all(database):
    """Also where PUBLIC lost everything that it may lose."""
    role = create_monitor(database)
    database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC")
    assert checks(run_verify(database, role), CheckAnswer.BROKEN) == set()
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM public.job_outbox")
