"""Hidden rows: the numbers are right, or there is none and a message with the statement that fixes it."""

import random
import re
from collections.abc import Iterator

import pytest
from psycopg import sql

from exporter.core.errors import Reason
from exporter.database.visibility import remedy
from exporter.metrics.readings import CollectorFailure
from tests.database import rows
from tests.database.activity import until
from tests.database.documented import Series
from tests.database.roles import allow, count, role
from tests.database.sampling import everything, reasons, refusals
from tests.postgres import Database

TABLES = ("job_outbox", "idempotency_keys", "fsm_events")
COLLECTORS = {"backlog", "throughput", "last_hour", "events", "idempotency"}
SELECT = "GRANT SELECT ON public.job_outbox, public.idempotency_keys, public.fsm_events TO {role}"
OPEN = "CREATE POLICY {name} ON public.{table} FOR SELECT TO {role} USING (true)"
# The statements that messages suggest.
_SUGGESTED = re.compile(r"ALTER ROLE .+? BYPASSRLS|CREATE POLICY .+? USING \(true\)|GRANT .+$")


@pytest.fixture
def filled(database: Database) -> Database:
    """Content that gives the same numbers for minutes."""
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    return database


@pytest.fixture
def watcher(filled: Database) -> Iterator[str]:
    """A plain role with SELECT on the three tables, which row-level security keeps from seeing any row."""
    with role(filled) as name:
        allow(filled, SELECT, name)
        yield name


def open_policies(database: Database, to: str) -> None:
    for table in TABLES:
        allow(database, OPEN, to, name=sql.Identifier("may_read"), table=sql.Identifier(table))


def truth(database: Database) -> Series:
    found = everything(database.dsn())
    assert sum(found.values()) > 0
    return found


def all_rows_visible(database: Database, name: str) -> bool:
    return everything(database.dsn(name)) == truth(database)


def fix(database: Database, name: str, choose: int, schema: str = "public") -> list[str]:
    """Applies the remedies in the messages until nothing is refused any more; `choose` picks among alternatives."""
    done: list[str] = []
    while refused := refusals(database.dsn(name), schema=schema):
        suggested = _SUGGESTED.findall(next(iter(refused.values())).message)
        assert suggested, refused
        statement = suggested[min(choose, len(suggested) - 1)]
        assert statement not in done, f"{statement} was done and did not help"
        database.execute(statement.encode())
        done.append(statement)
    return done


def failure(database: Database, name: str, collector: str = "backlog") -> CollectorFailure:
    return refusals(database.dsn(name))[collector]


# ---------------------------------------------------------------- who sees


def test_a_superuser_sees_all_rows(filled):
    """And some of the visible values are not zero."""
    assert all_rows_visible(filled, "postgres")


@pytest.mark.parametrize("attributes", ["BYPASSRLS", "SUPERUSER"])
def test_a_role_with_bypassrls_sees_all_rows(filled, attributes):
    """Whatever policies there are."""
    with role(filled, attributes) as name:
        allow(filled, SELECT, name)
        assert all_rows_visible(filled, name)


def test_the_owner_sees_all_rows(filled, watcher):
    """Row security does not apply to it."""
    for table in TABLES:
        allow(filled, "ALTER TABLE public.{table} OWNER TO {role}", watcher, table=sql.Identifier(table))
    assert all_rows_visible(filled, watcher)


def test_an_owner_under_forced_row_security_does_not(filled, watcher):
    """FORCE ROW LEVEL SECURITY hides rows from the owner, too; the policy of the message shows them."""
    for table in TABLES:
        allow(filled, "ALTER TABLE public.{table} OWNER TO {role}", watcher, table=sql.Identifier(table))
        filled.execute(sql.SQL("ALTER TABLE public.{} FORCE ROW LEVEL SECURITY").format(sql.Identifier(table)))
    assert reasons(filled.dsn(watcher)) == {Reason.RLS}
    fix(filled, watcher, choose=1)
    assert all_rows_visible(filled, watcher)


def test_without_row_security_select_is_enough(filled, watcher):
    """A schema that never enabled it hides nothing."""
    for table in TABLES:
        filled.execute(sql.SQL("ALTER TABLE public.{} DISABLE ROW LEVEL SECURITY").format(sql.Identifier(table)))
    assert all_rows_visible(filled, watcher)


def test_a_permissive_policy_for_the_role_opens_its_eyes(filled, watcher):
    """The way in of the set-up script."""
    open_policies(filled, watcher)
    assert all_rows_visible(filled, watcher)


def test_a_permissive_policy_for_everybody_does_too(filled, watcher):
    """PUBLIC is everybody."""
    for table in TABLES:
        policy = "CREATE POLICY may_read ON public.{table} FOR SELECT USING (true)"
        allow(filled, policy, watcher, table=sql.Identifier(table))
    assert all_rows_visible(filled, watcher)


def test_a_policy_for_all_commands_is_one_for_reading(filled, watcher):
    """FOR ALL includes SELECT."""
    for table in TABLES:
        allow(filled, "CREATE POLICY p ON public.{table} TO {role} USING (true)", watcher, table=sql.Identifier(table))
    assert all_rows_visible(filled, watcher)


def test_membership_counts_where_it_is_inherited(filled, watcher):
    """A policy for a group admits its members."""
    with role(filled) as group:
        open_policies(filled, group)
        allow(filled, "GRANT {group} TO {role}", watcher, group=sql.Identifier(group))
        assert all_rows_visible(filled, watcher)


def test_membership_does_not_count_where_it_is_not(filled):
    """A NOINHERIT role does not have the privileges of its group, and is not treated as if it had."""
    with role(filled, "NOINHERIT") as name, role(filled) as group:
        allow(filled, SELECT, name)
        allow(filled, "GRANT {group} TO {role}", name, group=sql.Identifier(group))
        open_policies(filled, group)
        assert reasons(filled.dsn(name)) == {Reason.RLS}


# ---------------------------------------------------------------- who does not


@pytest.mark.parametrize("choose", [0, 1], ids=["by attribute", "by policy"])
def test_a_plain_role_gets_no_number_and_a_remedy(filled, watcher, choose):
    """Every collector refuses under reason rls; either remedy of the messages gives the right numbers."""
    refused = refusals(filled.dsn(watcher))
    assert {name: refusal.reason for name, refusal in refused.items()} == dict.fromkeys(COLLECTORS, Reason.RLS)
    assert refused["backlog"].message == (
        f"row-level security hides rows of public.job_outbox from role {watcher}: ALTER ROLE {watcher} BYPASSRLS, "
        f"or CREATE POLICY outbox_monitor_read ON public.job_outbox FOR SELECT TO {watcher} USING (true)"
    )
    assert len(fix(filled, watcher, choose)) == (1, 3)[choose]
    assert all_rows_visible(filled, watcher)


RESTRICTIVE = [
    ("FOR SELECT TO {role} USING (queue_name <> 'secret')", False),
    ("FOR SELECT USING (queue_name <> 'secret')", False),
    ("FOR ALL USING (attempts < 5)", False),
    ("FOR ALL USING (false)", False),
    ("FOR SELECT TO service_role USING (false)", True),
    ("FOR INSERT WITH CHECK (false)", True),
    ("FOR UPDATE USING (false)", True),
    ("FOR SELECT USING (true)", True),
]


@pytest.mark.parametrize(("clause", "sees"), RESTRICTIVE)
def test_a_restrictive_policy_may_take_rows_away_again(filled, watcher, clause, sees):
    """Unless it is for another role, for another command, or permits every row."""
    open_policies(filled, watcher)
    allow(filled, f"CREATE POLICY narrow ON public.job_outbox AS RESTRICTIVE {clause}", watcher)
    if sees:
        assert all_rows_visible(filled, watcher)
        return
    refused = refusals(filled.dsn(watcher))
    assert set(refused) == {"backlog", "throughput", "last_hour"}
    assert refused["backlog"].reason is Reason.RLS
    assert "restrictive policy narrow" in refused["backlog"].message
    fix(filled, watcher, choose=0)
    assert all_rows_visible(filled, watcher)


INSUFFICIENT = [
    "FOR SELECT TO {role} USING (queue_name = 'mine')",
    "FOR SELECT TO {role} USING (false)",
    "FOR SELECT TO {role} USING (true AND entity_id IS NOT NULL)",
    "FOR SELECT TO service_role USING (true)",
    "FOR INSERT TO {role} WITH CHECK (true)",
    "FOR UPDATE TO {role} USING (true)",
    "FOR ALL TO {role} WITH CHECK (true)",
]


@pytest.mark.parametrize("clause", INSUFFICIENT)
def test_a_policy_that_is_not_for_reading_everything_proves_nothing(filled, watcher, clause):
    """Some rows, other roles, other commands, no USING at all: numbers might be right, and might not."""
    for table in ("idempotency_keys", "fsm_events"):
        allow(filled, OPEN, watcher, name=sql.Identifier("may_read"), table=sql.Identifier(table))
    allow(filled, f"CREATE POLICY partly ON public.job_outbox {clause}", watcher)
    assert set(refusals(filled.dsn(watcher))) == {"backlog", "throughput", "last_hour"}
    assert failure(filled, watcher).reason is Reason.RLS
    fix(filled, watcher, choose=1)
    assert all_rows_visible(filled, watcher)


def test_no_combination_of_policies_deceives(filled, watcher):
    """Random sets of policies: numbers come exactly when the server shows this role every row."""
    rng = random.Random(7)
    real = truth(filled)
    verdicts = set()
    for _ in range(60):
        with filled.connect() as connection:
            for number in range(rng.randrange(4)):
                kind = rng.choice(("PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"))
                command = rng.choice(("ALL", "SELECT", "SELECT", "DELETE"))
                to = rng.choice(("PUBLIC", watcher, watcher, "service_role"))
                using = rng.choice(("true", "true", "false"))
                statement = (
                    f"CREATE POLICY random_{number} ON job_outbox AS {kind} FOR {command} TO {to} USING ({using})"
                )
                connection.execute(statement.encode())
        with filled.connect(watcher) as connection:
            shown = count(connection, "job_outbox")
        refused = refusals(filled.dsn(watcher))
        complete = shown == filled.value("SELECT count(*) FROM job_outbox")
        assert ("backlog" not in refused) == complete
        verdicts.add(complete)
        if complete:
            open_rest = {"idempotency", "events"}
            assert set(refused) == open_rest
        with filled.connect() as connection:
            for number in range(4):
                connection.execute(f"DROP POLICY IF EXISTS random_{number} ON job_outbox".encode())
    assert verdicts == {True, False}
    assert truth(filled) == real


# ---------------------------------------------------------------- privileges and schema


def test_a_missing_column_privilege_is_named(filled):
    """The message is the exact GRANT, for the columns that are missing and no more."""
    with role(filled, "BYPASSRLS") as name:
        allow(filled, "GRANT SELECT (queue_name, created_at, last_error) ON public.job_outbox TO {role}", name)
        refused = failure(filled, name)
        assert refused.reason is Reason.PERMISSION
        assert refused.message == (
            f"role {name} may not read public.job_outbox: "
            f"GRANT SELECT (outbox_id, attempts, processed_at) ON public.job_outbox TO {name}"
        )
        fix(filled, name, choose=0)
        assert all_rows_visible(filled, name)


def test_a_missing_schema_privilege_is_named(filled, watcher):
    """USAGE on the schema comes first."""
    filled.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    assert failure(filled, watcher).reason is Reason.PERMISSION
    assert failure(filled, watcher).message.endswith(f"GRANT USAGE ON SCHEMA public TO {watcher}")
    fix(filled, watcher, choose=1)
    assert all_rows_visible(filled, watcher)


@pytest.mark.parametrize("name", ['Outbox "Monitor"', "select", "Ünïcode-1", "a'b%s{x}"])
def test_suggestions_work_for_any_name(filled, name):
    """Names are quoted where necessary: the remedy can be pasted."""
    with role(filled, name=name):
        done = fix(filled, name, choose=1)
        assert any(statement.startswith("CREATE POLICY") for statement in done)
        assert any(statement.startswith("GRANT SELECT") for statement in done)
        assert all_rows_visible(filled, name)


def test_suggestions_work_in_any_schema(filled, watcher):
    """The schema is quoted too."""
    filled.execute('ALTER SCHEMA public RENAME TO "Outbox"')
    done = fix(filled, watcher, choose=1, schema="Outbox")
    assert {'ON "Outbox".job_outbox' in statement for statement in done} == {True, False}
    assert everything(filled.dsn(watcher), schema="Outbox") == everything(filled.dsn(), schema="Outbox")


def test_a_missing_table_is_a_matter_of_schema(filled):
    """Not applied yet, or rolled back: the others keep being sampled."""
    filled.execute("DROP TABLE fsm_events")
    refused = refusals(filled.dsn())
    assert set(refused) == {"events"}
    assert refused["events"].reason is Reason.SCHEMA
    assert "there is no table public.fsm_events" in refused["events"].message


def test_a_wrong_schema_is_a_matter_of_schema(filled):
    """The message names the place to look at."""
    refused = refusals(filled.dsn(), schema="publik")
    assert {refusal.reason for refusal in refused.values()} == {Reason.SCHEMA}
    assert "database.schema" in refused["backlog"].message


def test_a_missing_column_is_a_matter_of_schema(filled):
    """And is named."""
    filled.execute("ALTER TABLE job_outbox RENAME COLUMN attempts TO tries")
    refused = refusals(filled.dsn())
    assert set(refused) == {"backlog", "last_hour"}
    assert refused["backlog"].reason is Reason.SCHEMA
    assert refused["backlog"].message == "public.job_outbox has no column attempts"


def test_further_columns_do_not_matter(filled):
    """Later releases add some."""
    real = truth(filled)
    filled.execute("ALTER TABLE job_outbox ADD COLUMN target_queue TEXT")
    assert truth(filled) == real


def test_a_view_in_place_of_the_table_proves_nothing(filled):
    """Rows that a view leaves out cannot be detected."""
    filled.execute("ALTER TABLE job_outbox RENAME TO job_outbox_all")
    filled.execute("CREATE VIEW job_outbox AS SELECT * FROM job_outbox_all WHERE queue_name <> 'secret'")
    refused = refusals(filled.dsn())
    assert refused["backlog"].reason is Reason.SCHEMA
    assert "is not a table" in refused["backlog"].message


def test_a_partitioned_table_is_a_table(filled):
    """An outbox partitioned by time is still read completely, or refused."""
    real = truth(filled)
    with filled.connect() as connection, connection.transaction():
        connection.execute("ALTER TABLE fsm_events RENAME TO fsm_events_old")
        connection.execute("CREATE TABLE fsm_events (LIKE fsm_events_old) PARTITION BY RANGE (created_at)")
        connection.execute("CREATE TABLE fsm_events_all PARTITION OF fsm_events DEFAULT")
        connection.execute("INSERT INTO fsm_events SELECT * FROM fsm_events_old")
    assert truth(filled) == real


def test_a_role_that_may_not_write_is_not_needed_to_be_safe(filled):
    """Even a superuser's sample cannot write: the transaction is proved read-only before anything is asked."""
    before = rows_written(filled)
    truth(filled)
    assert rows_written(filled) == before


def rows_written(database: Database) -> int:
    """By every session: a session reports to the statistics at its end, asynchronously."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until(lambda: database.value(others) == 0)
    with_literals: int = database.value("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
    assert with_literals > 0
    return with_literals


@pytest.mark.parametrize("api", ["anon", "authenticated"])
@pytest.mark.parametrize("granted", [True, False], ids=["granted", "not granted"])
def test_no_advice_opens_the_tables_to_the_callers_of_an_api(filled, api, granted):
    """A role that others can assume gets the advice to revoke it, not to grant more."""
    if granted:
        allow(filled, SELECT, api)
    else:
        allow(filled, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}", api)
    said = [each.message for each in refusals(f"{filled.dsn()}?options=-c%20role%3D{api}").values()]
    assert len(said) == len(COLLECTORS)
    for message in said:
        assert "use one of your own instead, exporter/sql/setup/monitoring_role.sql" in message
        assert not re.search("BYPASSRLS|USING|GRANT", message)


@pytest.mark.parametrize("api", ["public", "anon", "web_anon", "authenticated", "authenticator", "service_role"])
def test_roles_of_an_api(api):
    """These are never given anything; any other role is."""
    assert "GRANT" not in remedy(api, "GRANT SELECT")
    assert remedy("watcher", "GRANT SELECT") == "GRANT SELECT"
