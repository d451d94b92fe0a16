"""No setting of a role, a database or a pooler's last client changes an answer: all are tried with other values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from exporter.app import check_config as check
from exporter.config.settings import SamplingSettings
from exporter.core.errors import Reason, SampleError
from exporter.database import DatabaseClient
from exporter.migration.rollback import rollback_check
from exporter.migration.rollback_options import RollbackOptions
from exporter.migration.smoke.run import smoke
from exporter.migration.verify.catalogue import SchemaFacts, read
from exporter.migration.verify.run import verify
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.documented import Series
from tests.database.roles import monitoring_role, role
from tests.database.sampling import configuration, database_client, everything, no_listener, series
from tests.postgres import Database

# Values of text settings. One that is not here gets all of the first line; values refused by the server are left out.
PLAUSIBLE = ("", "x", "on", "0", "C", "public")
TEXTS: dict[str, tuple[str, ...]] = {
    "client_encoding": ("UTF8", "SQL_ASCII", "LATIN1", "WIN1252", "EUC_JP", "SJIS", "GB18030"),
    "DateStyle": ("SQL, DMY", "German, DMY", "Postgres, YMD", "ISO, YMD"),
    "TimeZone": ("UTC", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati", "Etc/GMT+12", "<+14>-14"),
    "search_path": ("", "public", "hostile, pg_catalog, public", "auth, cron", "nowhere"),
    "timezone_abbreviations": ("Australia", "India"),
    "default_text_search_config": ("pg_catalog.simple", "pg_catalog.german"),
    "restrict_nonsystem_relation_kind": ("view", "foreign-table", "view, foreign-table"),
    "createrole_self_grant": ("set", "inherit, set"),
}
# These end statements or sessions before ours can set timeouts; a named failure is the best possible result.
ENDING = {
    "statement_timeout": {Reason.TIMEOUT},
    "transaction_timeout": {Reason.TIMEOUT, Reason.CONNECTION},
    "idle_session_timeout": {Reason.CONNECTION},
    "tcp_user_timeout": {Reason.CONNECTION},
    # Where an operation costs more than there are numbers, all plans cost the same, and the planner takes any.
    "cpu_operator_cost": {Reason.TIMEOUT},
}
# Settings that the server does not allow to set, or that BEGIN sets.
OF_THE_TRANSACTION = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")

# How many settings are made together; those of one group come from all over the alphabet.
SEVERAL = 8

# All at once, as the defaults of a role.
NASTY = {
    "client_encoding": "LATIN1",
    "quote_all_identifiers": "on",
    "extra_float_digits": "-15",
    "TimeZone": "America/St_Johns",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "search_path": "hostile, pg_catalog, public",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "standard_conforming_strings": "off",
    "exit_on_error": "on",
    "row_security": "off",
    "plan_cache_mode": "force_generic_plan",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "enable_seqscan": "off",
    "enable_indexscan": "off",
    "max_parallel_workers_per_gather": "64",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1000",
}

HOSTILE = """
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'on' $$;
CREATE FUNCTION hostile.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'on' $$;
CREATE FUNCTION hostile.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'on' $$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2001-01-01'::timestamptz $$;
CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.never);
CREATE TABLE hostile.pg_policy (LIKE pg_catalog.pg_policy);
CREATE TABLE hostile.pg_class (relname name);
"""


MINUTE = 60 * rows.SECOND
# Nothing is near the edge of an hour: for twenty minutes the answers stay as they are.
CONTENT = rows.Content(
    jobs=[
        rows.Job(1, "mail", -30 * MINUTE, -30 * MINUTE + 1_234_567),
        rows.Job(2, 'a "b" \\ ü', -31 * MINUTE, -30 * MINUTE),
        rows.Job(3, "mail", -33 * MINUTE - 1),
        rows.Job(3, "null", -300 * MINUTE, None, 3, "e", -30 * MINUTE),
        rows.Job(4, "late", -301 * MINUTE, None, 5, "e", -299 * MINUTE),
    ],
    keys=[rows.Key(1, -100 * MINUTE), rows.Key(2, 100 * MINUTE), rows.Key(None, 101 * MINUTE)],
    events=[rows.Event(1, "FSM_INITIALIZED", "API", -30 * MINUTE), rows.Event(2, "OTHER", "WORKER", -31 * MINUTE)],
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The program's results for one database."""

    samples: Series
    catalogue: SchemaFacts
    verdicts: tuple[str, ...]
    check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of pg_settings."""

    name: str
    kind: str
    boot: str | None
    least: str | None
    most: str | None
    values: list[str] | None

    def others(self) -> tuple[str, ...]:
        """Values to try: all that there are where they can be listed, else both ends and something between."""
        match self.kind:
            case "bool":
                return "on", "off"
            case "enum":
                return tuple(self.values or ())
            case "integer" | "real":
                least, most = float(self.least or 0), float(self.most or 0)
                between = {least, most, min(max(least, 1), most), least + (most - least) / 1000}
                return tuple(f"{value:.0f}" if self.kind == "integer" else repr(value) for value in sorted(between))
            case _:
                return TEXTS.get(self.name, PLAUSIBLE)


def parameters(database: Database) -> list[Parameter]:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT name, vartype, boot_val, min_val, max_val, enumvals FROM pg_settings"
            " WHERE context = 'user' AND NOT name = ANY (%s) ORDER BY name",
            (list(OF_THE_TRANSACTION),),
        ).fetchall()
    return [Parameter(*row) for row in found]


class SettingTrial:
    """Two connections, the monitoring role's and the owner's, on which settings are made and answers asked."""

    def __init__(self, database: Database, monitor: str) -> None:
        self._sampling = Sampler(configuration(database.dsn(monitor), statement_timeout=5), no_listener)
        self._owner = Sampler(configuration(database.dsn(), statement_timeout=5), no_listener)
        for sampling in (self._sampling, self._owner):
            sampling.database.open()

    def close(self) -> None:
        for sampling in (self._sampling, self._owner):
            sampling.database.close()

    def answers(self) -> Answers:
        """Raises: SampleError."""
        samples: Series = {}
        for collector in self._sampling.database_collectors:
            with self._sampling.database.sample(*collector.reads) as session:
                samples |= series(collector.read(session))
                assert abs(session.now - time.time()) < 5
        with self._owner.database.sample() as session:
            catalogue = read(session)
            verdicts = tuple(f"{finding}" for finding in verify(session).findings)
        return Answers(samples, catalogue, verdicts, tuple(map(str, check._findings(self._owner))))

    def set(self, name: str, value: str) -> bool:
        """For both sessions; whether the server takes it."""
        try:
            for opened in self._clients():
                self._run(opened, sql.SQL("SELECT set_config({}, {}, false)").format(name, value))
        except psycopg.Error:
            return False
        return True

    def reset(self) -> None:
        for opened in self._clients():
            try:
                self._run(opened, sql.SQL("RESET ALL"))
            except psycopg.Error:
                opened._acquire().close()

    def _clients(self) -> tuple[DatabaseClient, DatabaseClient]:
        return self._sampling.database, self._owner.database

    @staticmethod
    def _run(opened: DatabaseClient, statement: sql.SQL | sql.Composed) -> None:
        connection = opened._acquire()
        try:
            connection.execute(statement)
        finally:
            opened._pool.putconn(connection)


@pytest.fixture
def watched(database: Database) -> Iterator[tuple[Database, str]]:
    with database.connect() as connection:
        rows.write(connection, CONTENT)
        connection.execute(HOSTILE)
        connection.execute("GRANT USAGE ON SCHEMA hostile TO PUBLIC")
    with monitoring_role(database) as monitor:
        yield database, monitor


@pytest.fixture
def trial(watched: tuple[Database, str]) -> Iterator[SettingTrial]:
    attempt = SettingTrial(*watched)
    yield attempt
    attempt.close()


def same(trial: SettingTrial, expected: Answers, settings: list[tuple[str, str]]) -> str:
    """The differences under these settings, empty when there are none."""
    try:
        return "" if trial.answers() == expected else "another answer"
    except SampleError as error:
        allowed = [error.reason in ENDING.get(name, ()) for name, _ in settings]
        return "" if all(allowed) else f"{error.reason}: {error}"
    except Exception as error:  # noqa: BLE001 - every error is part of the result
        return repr(error)
    finally:
        trial.reset()


def test_every_setting_with_every_other_value(watched, trial):
    """Every statement of samples, verify and check-config has the same result as under defaults.

    Several at a time; each by itself where a session may end, and where one of several changed a result.
    """
    expected = trial.answers()
    assert sum(expected.samples.values()) > 0
    settings = [(each.name, value) for each in parameters(watched[0]) for value in each.others()]
    alone = [setting for setting in settings if setting[0] in ENDING]
    together = [setting for setting in settings if setting[0] not in ENDING]
    count = len(together) // SEVERAL
    groups = [[setting] for setting in alone] + [together[place::count] for place in range(count)]
    taken, wrong = 0, {}
    for group in groups:
        made = [setting for setting in group if trial.set(*setting)]
        taken += len(made)
        if same(trial, expected, made):
            for setting in made:
                trial.set(*setting)
                if differences := same(trial, expected, [setting]):
                    wrong[setting] = differences
    assert wrong == {}
    assert taken > 300
    assert trial.answers() == expected


def make_default(database: Database, role: str) -> None:
    """Gives the role the nasty settings, as ALTER ROLE ... SET ... FROM CURRENT does, lists included."""
    with database.connect() as connection:
        for name, value in NASTY.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            alter = sql.SQL("ALTER ROLE {} SET {} FROM CURRENT").format(sql.Identifier(role), sql.Identifier(name))
            connection.execute(alter)
            connection.execute(sql.SQL("RESET {}").format(sql.Identifier(name)))


def answers(database: Database, user: str) -> dict[str, object]:
    """The results of the commands for that role, check by check."""
    dsn = database.dsn(user)
    with database_client(dsn) as opened:
        with opened.sample() as session:
            applied, absent = verify(session), verify(session, "absent")
        may_go = rollback_check(opened, SamplingSettings(), RollbackOptions(), 0.0)
    trial = smoke(dsn, "public")
    reports = {"applied": applied, "absent": absent, "smoke": trial}
    found: dict[str, object] = {
        name: [(each.check, each.answer, each.expected) for each in report.findings] for name, report in reports.items()
    }
    found["may go"] = [(each.check, each.answer) for each in may_go.findings]
    found["warnings"] = [each.warnings for each in (applied, may_go)]
    return found


def test_the_commands_under_a_role_s_own_defaults(watched):
    """Verify, smoke and rollback-check have the same results as for any other superuser, check by check."""
    database, _ = watched
    with role(database, "SUPERUSER") as plain, role(database, "SUPERUSER") as odd:
        make_default(database, odd)
        expected = answers(database, plain)
        assert answers(database, odd) == expected
        assert {answer for _, answer, _ in expected["smoke"]} == {"ok"}  # type: ignore[attr-defined]


def test_the_samples_under_a_role_s_own_defaults(watched):
    """As `serve` and `sample` make them, for the role of the set-up script."""
    database, monitor = watched
    expected = everything(database.dsn(monitor))
    make_default(database, monitor)
    assert everything(database.dsn(monitor)) == expected
