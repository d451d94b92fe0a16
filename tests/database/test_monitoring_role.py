"""The set-up scripts: exactly enough, no more, and nothing left after removal."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

import psycopg
import pytest
from psycopg import sql

from exporter.sampling.sampler import Sampler
from tests import requirements
from tests.database import rows
from tests.database.activity import until
from tests.database.roles import MONITOR, allow, count, monitoring_role, role, run_script, script
from tests.database.sampling import configuration, everything, no_listener
from tests.postgres import Database, cloned

SCRIPTS = ("monitoring_role", "grant_migration_access", "use_bypassrls", "remove_monitoring_role")
TABLES = ("job_outbox", "idempotency_keys", "fsm_events")
SECRETS = {
    "job_outbox": {"job_data", "job_options", "last_error"},
    "idempotency_keys": {"key", "result"},
    "fsm_events": {"event_data", "user_id"},
}

# Objects that the scripts could change, with effective privileges: NULL means the defaults, written out or not.
CATALOGUE = """
    SELECT 'relation', c.oid::regclass::text, acl::text FROM pg_class AS c,
        unnest(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))) AS acl
    UNION ALL SELECT 'column', attrelid::regclass || '.' || attname, acl::text
        FROM pg_attribute, unnest(attacl) AS acl
    UNION ALL SELECT 'schema', nspname, acl::text
        FROM pg_namespace, unnest(coalesce(nspacl, acldefault('n', nspowner))) AS acl
    UNION ALL SELECT 'database', datname, acl::text
        FROM pg_database, unnest(coalesce(datacl, acldefault('d', datdba))) AS acl WHERE datname = current_database()
    UNION ALL SELECT 'policy', polrelid::regclass || '.' || polname, pg_get_expr(polqual, polrelid) FROM pg_policy
    UNION ALL SELECT 'role', rolname, r::text FROM pg_roles AS r
    UNION ALL SELECT 'setting', setdatabase || '.' || setrole, array_to_string(setconfig, ',') FROM pg_db_role_setting
    UNION ALL SELECT 'comment', objoid::text, description FROM pg_description WHERE classoid = 'pg_policy'::regclass
    UNION ALL SELECT 'shared comment', objoid::text, description FROM pg_shdescription
    ORDER BY 1, 2, 3
"""


def catalogue(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(CATALOGUE.encode()).fetchall()


@pytest.fixture(params=[(), ("use_bypassrls",)], ids=["policies", "bypassrls"])
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Both ways in: the scripts to run after the first."""
    chosen: tuple[str, ...] = request.param
    return chosen


@pytest.fixture
def monitored(database: Database, way: tuple[str, ...]) -> Iterator[Database]:
    """A database with content and the role."""
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    with monitoring_role(database, *way):
        yield database


def test_the_columns_are_those_that_collectors_read(monitored):
    """The grants and the collectors' `reads` name the same columns: neither drifts from the other."""
    sampling = Sampler(configuration(monitored.dsn()), no_listener)
    needed = {
        (table.name, column)
        for collector in sampling.database_collectors
        for table in collector.reads
        for column in table.columns
    }
    with monitored.connect() as connection:
        granted = connection.execute(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute"
            " WHERE attrelid = ANY (%s::regclass[]) AND attnum > 0"
            " AND has_column_privilege(%s, attrelid, attnum, 'SELECT')",
            (list(TABLES), MONITOR),
        ).fetchall()
    assert set(granted) == needed


def test_content_is_out_of_reach(monitored):
    """Payloads, errors, keys and users: each column is refused by the server."""
    with monitored.connect(MONITOR) as connection:
        for table, columns in SECRETS.items():
            for column in columns:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT {column} FROM public.{table}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM public.{table}".encode())


def test_nothing_else_is_granted(monitored):
    """No other table, no writing, no schema but this one, no role to become."""
    with monitored.connect() as connection:
        readable = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE relkind IN ('r', 'v', 'm', 'p', 'f')"
            " AND nspname NOT IN ('pg_catalog', 'information_schema', 'cron')"
            " AND has_any_column_privilege(%s, c.oid, 'SELECT')",
            (MONITOR,),
        ).fetchall()
        writable = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND (has_any_column_privilege(%(role)s, c.oid, 'INSERT, UPDATE, REFERENCES')"
            "      OR has_table_privilege(%(role)s, c.oid, 'SELECT, DELETE, TRUNCATE, TRIGGER'))",
            {"role": MONITOR},
        ).fetchall()
        groups = connection.execute("SELECT FROM pg_auth_members WHERE member = %s::regrole", (MONITOR,)).fetchall()
    assert sorted(name for (name,) in readable) == sorted(TABLES)
    assert (writable, groups) == ([], [])


def test_the_functions_of_the_application_are_closed_to_it(monitored):
    """In the documented schema, where PUBLIC may not execute them, neither may this role."""
    with monitored.connect() as connection:
        open_to_it = connection.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND has_function_privilege(%s, oid, 'EXECUTE')",
            (MONITOR,),
        ).fetchall()
    assert open_to_it == []


def test_both_ways_show_the_rows_of_a_superuser(monitored):
    """Every gauge of every collector is the same, and not all of them are zero."""
    seen = everything(monitored.dsn(MONITOR))
    assert seen == everything(monitored.dsn())
    assert sum(seen.values()) > 0


def test_the_other_way_leaves_no_policy(monitored, way):
    """With BYPASSRLS the tables' policies are as the migration made them; without it there is one each."""
    policies = "SELECT count(*) FROM pg_policy WHERE polname = 'outbox_monitor_read'"
    assert monitored.value(policies) == (0 if way else 3)
    assert monitored.value("SELECT rolbypassrls FROM pg_roles WHERE rolname = %s", (MONITOR,)) == bool(way)


def test_the_script_may_run_twice(monitored, way):
    """Scripts run again change nothing, and the first one leads back to the policies."""
    before = catalogue(monitored)
    for name in ("monitoring_role", *way):
        run_script(monitored, name)
    after = catalogue(monitored)
    # Policies are made anew, and their comments hang on their new numbers.
    assert [row for row in after if row[0] != "comment"] == [row for row in before if row[0] != "comment"]
    run_script(monitored, "monitoring_role")
    assert everything(monitored.dsn(MONITOR)) == everything(monitored.dsn())
    assert not monitored.value("SELECT rolbypassrls FROM pg_roles WHERE rolname = %s", (MONITOR,))


def test_removal_leaves_the_catalogue_as_it_was(database, way):
    """Policies, roles, settings, comments and privileges: nothing of ours is left, and removing again does no harm."""
    before = catalogue(database)
    with monitoring_role(database, *way):
        assert catalogue(database) != before
    assert catalogue(database) == before
    run_script(database, "remove_monitoring_role")
    assert catalogue(database) == before


def test_removal_after_a_rolled_back_migration(database):
    """The role goes although its tables are gone already."""
    run_script(database, "monitoring_role")
    database.execute("DROP TABLE fsm_events, idempotency_keys, job_outbox")
    run_script(database, "remove_monitoring_role")
    assert database.value("SELECT count(*) FROM pg_roles WHERE rolname = %s", (MONITOR,)) == 0


def test_removal_refuses_when_more_was_granted(database):
    """All or nothing: a grant by another role is named, and the role still works."""
    with monitoring_role(database):
        database.execute(f"GRANT SELECT ON courses TO {MONITOR}".encode())
        with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
            run_script(database, "remove_monitoring_role")
        assert "courses" in str(refused.value.diag.message_detail)
        assert everything(database.dsn(MONITOR)) == everything(database.dsn())
        database.execute(f"REVOKE SELECT ON courses FROM {MONITOR}".encode())


def test_two_databases_share_the_role(cluster, database):
    """It goes with the last of them, and is of no use in one that it was removed from."""
    with cloned(cluster) as other, monitoring_role(database):
        run_script(other, "monitoring_role")
        notices: list[str] = []
        with other.connect() as connection:
            connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
            connection.execute(script("remove_monitoring_role").encode())
        assert notices[-1] == (
            f"outbox_monitor has no rights in this database any more; the role stays for: {database.name}"
        )
        assert other.value("SELECT has_table_privilege(%s, 'job_outbox', 'SELECT')", (MONITOR,)) is False
        assert other.value("SELECT count(*) FROM pg_policy WHERE polname = 'outbox_monitor_read'") == 0
        assert everything(database.dsn(MONITOR)) == everything(database.dsn())
        run_script(other, "monitoring_role")
        other.execute(f"GRANT SELECT ON courses TO {MONITOR}".encode())
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            run_script(other, "remove_monitoring_role")
        other.execute(f"REVOKE SELECT ON courses FROM {MONITOR}".encode())
        run_script(other, "remove_monitoring_role")
    assert database.value("SELECT count(*) FROM pg_roles WHERE rolname = %s", (MONITOR,)) == 0


def test_an_earlier_grant_is_taken_back(monitored):
    """A column that a former version granted is closed by running the script again."""
    monitored.execute(f"GRANT SELECT (last_error) ON job_outbox TO {MONITOR}".encode())
    monitored.execute(f"GRANT INSERT ON job_outbox TO {MONITOR}".encode())
    run_script(monitored, "monitoring_role")
    query = "SELECT has_column_privilege(%(r)s, 'job_outbox', 'last_error', 'SELECT')"
    assert monitored.value(query, {"r": MONITOR}) is False
    assert monitored.value("SELECT has_table_privilege(%s, 'job_outbox', 'INSERT')", (MONITOR,)) is False


def test_a_powerful_role_of_that_name_is_refused(database):
    """The script adopts no role that may do more than monitoring, and changes nothing then."""
    database.execute(f"CREATE ROLE {MONITOR} CREATEROLE".encode())
    try:
        before = catalogue(database)
        with pytest.raises(psycopg.errors.RaiseException, match="far more than monitoring"):
            run_script(database, "monitoring_role")
        assert catalogue(database) == before
    finally:
        database.execute(f"DROP ROLE {MONITOR}".encode())


def test_sessions_of_the_role_are_harmless_by_default(monitored):
    """Read-only, with timeouts, three connections, no password, and named for people."""
    with monitored.connect(MONITOR) as connection:
        for setting, value in {
            "default_transaction_read_only": "on",
            "statement_timeout": "15s",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "30s",
        }.items():
            assert connection.execute(f"SHOW {setting}".encode()).fetchone() == (value,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TEMPORARY TABLE t ()")
    limits = "SELECT rolconnlimit, rolpassword IS NULL, rolinherit FROM pg_authid WHERE rolname = %s"
    with monitored.connect() as connection:
        assert connection.execute(limits, (MONITOR,)).fetchone() == (3, True, False)
    assert monitored.value("SELECT shobj_description(%s::regrole, 'pg_authid')", (MONITOR,)).startswith(
        "outbox-exporter"
    )


def test_a_connection_limit_is_raised_and_never_lowered(monitored):
    """The role may watch other databases of the server, whose exporters need their connections."""
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = %s"
    for before, after in ((9, 9), (-1, 3), (1, 3)):
        monitored.execute(f"ALTER ROLE {MONITOR} CONNECTION LIMIT {before}".encode())
        run_script(monitored, "monitoring_role")
        assert monitored.value(limit, (MONITOR,)) == after


def test_the_set_up_does_not_queue_behind_a_long_transaction(database):
    """It gives up, as one piece, rather than hold up everybody who comes after it."""
    before = catalogue(database)
    with database.connect(autocommit=False) as reader:
        count(reader, "job_outbox")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_script(database, "monitoring_role")
    assert catalogue(database) == before


def test_the_set_up_gives_up_before_the_server_resolves_a_deadlock(monitored):
    """Where it and a transaction of the application wait for each other, the application's goes on.

    The server resolves a deadlock after a second by cancelling either of them.
    """
    with monitored.connect(autocommit=False) as application, ThreadPoolExecutor(1) as pool:
        count(application, "fsm_events")
        script_run = pool.submit(run_script, monitored, "monitoring_role")
        until(lambda: monitored.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"))
        assert count(application, "job_outbox") > 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            script_run.result()


def test_psql_runs_the_scripts_too(database):
    """File by file, without a variable, stopping at nothing."""
    psql = requirements.require_debian().bin / "psql"
    before = catalogue(database)
    with resources.as_file(resources.files("exporter").joinpath("sql", "setup")) as directory:
        for name in (*SCRIPTS, *SCRIPTS):
            command = [
                str(psql),
                "-X",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                database.dsn(),
                "-f",
                str(directory / f"{name}.sql"),
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, done.stderr
    assert catalogue(database) == before


def test_no_superuser_is_needed(database):
    """As on managed PostgreSQL: an owner with CREATEROLE sets up, sets up again and removes."""
    with role(database, "CREATEROLE") as provider:
        own = "ALTER TABLE {table} OWNER TO {role}"
        for table in TABLES:
            allow(database, own, provider, table=sql.Identifier(table))
        allow(database, "ALTER DATABASE {name} OWNER TO {role}", provider, name=sql.Identifier(database.name))
        before = catalogue(database)
        for _ in range(2):
            run_script(database, "monitoring_role", provider)
        assert everything(database.dsn(MONITOR)) == everything(database.dsn())
        run_script(database, "remove_monitoring_role", provider)
        assert catalogue(database) == before


# --- the migration's own records

SECRET_JOB = "SELECT net.http_post('https://example.com', headers := '{\"Authorization\": \"Bearer s3cret\"}')"
ACCESS = "grant_migration_access"


def visible(database: Database, query: str) -> list[Any]:
    """The first column of the rows that are visible to the role."""
    with database.connect(MONITOR) as connection:
        return sorted(row[0] for row in connection.execute(query.encode()).fetchall())


def foreign_job(database: Database) -> None:
    """One with a password in its command, which has run."""
    database.execute("SELECT cron.schedule('post', '0 0 1 1 *', %s)", (SECRET_JOB,))
    database.execute(
        "INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message, "
        "start_time, end_time) SELECT jobid, nextval('cron.runid_seq'), database, username, command, 'failed', "
        "'s3cret', NOW(), NOW() FROM cron.job"
    )


@pytest.mark.parametrize("kind", ["embedded_database", "cron_database"])
def test_the_migration_history_and_the_two_clean_ups_are_visible_and_nothing_else(kind, request):
    """Not the migrations' statements, no other job's command or message; with the real pg_cron, too."""
    watched: Database = request.getfixturevalue(kind)
    with monitoring_role(watched, ACCESS):
        foreign_job(watched)
        assert visible(watched, "SELECT version FROM supabase_migrations.schema_migrations") == [
            "20251118094238",
            "20251118095804",
        ]
        assert visible(watched, "SELECT jobname FROM cron.job") == [
            "cleanup_expired_idempotency_keys",
            "cleanup_old_outbox_entries",
        ]
        assert len(visible(watched, "SELECT runid FROM cron.job_run_details")) == 2
        for text in ("SELECT j::text FROM cron.job AS j", "SELECT command FROM cron.job_run_details"):
            assert not any("s3cret" in row for row in visible(watched, text))
        with watched.connect(MONITOR) as connection:
            connection.execute("SET default_transaction_read_only = off")
            for refused in (
                "SELECT statements FROM supabase_migrations.schema_migrations",
                "INSERT INTO supabase_migrations.schema_migrations (version) VALUES ('1')",
                "UPDATE cron.job SET active = false",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(refused.encode())
            assert connection.execute("DELETE FROM cron.job_run_details").rowcount == 0


@pytest.mark.parametrize("order", [(ACCESS, "use_bypassrls"), ("use_bypassrls", ACCESS)], ids=" then ".join)
def test_a_role_that_bypasses_row_security_does_not_see_the_jobs(database, order):
    """It would see every command of everybody."""
    with monitoring_role(database, *order):
        assert len(visible(database, "SELECT version FROM supabase_migrations.schema_migrations")) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            visible(database, "SELECT jobname FROM cron.job")


SURROUNDINGS = {
    "as they are": "SELECT 1",
    "row security on the register": "ALTER TABLE supabase_migrations.schema_migrations ENABLE ROW LEVEL SECURITY",
    "no register": "DROP SCHEMA supabase_migrations CASCADE",
    "no pg_cron": "DROP SCHEMA cron CASCADE",
    "PUBLIC shut out": "REVOKE ALL ON cron.job, cron.job_run_details FROM PUBLIC",
}


@pytest.mark.parametrize("case", SURROUNDINGS)
def test_access_is_granted_twice_and_removed_without_a_trace(database, case):
    """In whatever state register and pg_cron are; removing again does no harm."""
    database.execute(SURROUNDINGS[case])
    before = catalogue(database)
    with monitoring_role(database, ACCESS):
        once = catalogue(database)
        run_script(database, ACCESS)
        assert catalogue(database) == once
        if case != "no register":
            assert len(visible(database, "SELECT version FROM supabase_migrations.schema_migrations")) == 2
        if case != "no pg_cron":
            assert len(visible(database, "SELECT jobid FROM cron.job")) == 2
    assert catalogue(database) == before
    run_script(database, "remove_monitoring_role")
    assert catalogue(database) == before


def test_a_provider_that_restricts_pg_cron(database):
    """The migration history is readable, a notice names the missing objects, and the role can be removed."""
    notices: list[str] = []
    with role(database, "CREATEROLE") as provider:
        own = "ALTER TABLE {table} OWNER TO {role}"
        for table in TABLES:
            allow(database, own, provider, table=sql.Identifier(table))
        allow(database, own, provider, table=sql.Identifier("supabase_migrations", "schema_migrations"))
        allow(database, "ALTER SCHEMA supabase_migrations OWNER TO {role}", provider)
        allow(database, "ALTER DATABASE {name} OWNER TO {role}", provider, name=sql.Identifier(database.name))
        before = catalogue(database)
        with database.connect(provider) as connection:
            connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
            for name in ("monitoring_role", ACCESS):
                connection.execute(script(name).encode())
        assert len(visible(database, "SELECT version FROM supabase_migrations.schema_migrations")) == 2
        assert any("nothing of pg_cron is opened to outbox_monitor" in notice for notice in notices)
        run_script(database, "remove_monitoring_role", provider)
        assert catalogue(database) == before


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_follows_the_guidelines(name):
    """A header with title, purpose, date and dependencies; one transaction; no password, no psql variable."""
    lines = script(name).splitlines()
    header = [line for line in lines if line.startswith("--")]
    assert set(lines[0]) == {"-", " ", "="}
    assert header[2].startswith("-- Purpose: ")
    assert re.fullmatch(r"-- Date: \d{4}-\d\d-\d\d", header[3])
    assert header[4].startswith("-- Dependencies: ")
    statements = [line for line in lines if not line.lstrip().startswith("--")]
    assert "BEGIN;" in statements
    assert statements[-1] == "COMMIT;"
    code = "\n".join(statements)
    assert "PASSWORD" not in code
    assert not re.search(r"^\\|:['\"]?[a-z]", code, re.MULTILINE)
    assert max(map(len, lines)) <= 130


def test_all_scripts_about_the_role_are_tested():
    """Every privilege is tested."""
    directory = resources.files("exporter").joinpath("sql", "setup")
    about = {file.name.removesuffix(".sql") for file in directory.iterdir() if MONITOR in file.read_text("utf-8")}
    assert about == set(SCRIPTS)
