"""`smoke` as a whole: a correct database passes."""

from __future__ import annotations

from exporter.migration.report import CheckAnswer
from exporter.migration.smoke.run import smoke
from exporter.migration.smoke.steps import STEPS
from tests.migration.database_rows import contents, idle, insert_other_rows
from tests.migration.verification import (
    checks,
)
from tests.migration.verify.cases import NINE_PARAMETER_RPC

NAMES = {"transaction", *(step.name for step in STEPS), "rolled_back"}


def test_a_correct_database_passes_and_keeps_its_contents(database):
    """Every step is ok, and every table has the same rows as before."""
    insert_other_rows(database)
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.OK) == NAMES
    assert contents(database) == before
    assert idle(database)


def test_the_deployed_variant_passes_with_a_warning(deployed_database):
    """PUBLIC has EXECUTE there, which is a warning."""
    report = smoke(deployed_database.dsn(), "public")
    assert report.answer is CheckAnswer.OK
    assert [warning.text for warning in report.warnings] == ["anon may call it"]


def test_the_nine_parameter_rpc_passes(database):
    """Further optional parameters do not change documented calls."""
    database.execute(NINE_PARAMETER_RPC)
    assert smoke(database.dsn(), "public").answer is CheckAnswer.OK


APP = """
    CREATE SCHEMA "App"; GRANT USAGE ON SCHEMA "App" TO anon, authenticated, service_role;
    ALTER TABLE courses SET SCHEMA "App"; ALTER TABLE job_outbox SET SCHEMA "App";
    ALTER TABLE idempotency_keys SET SCHEMA "App"; ALTER TABLE fsm_events SET SCHEMA "App";
    ALTER FUNCTION initialize_fsm_with_outbox SET SCHEMA "App";
    DO $do$
    BEGIN
      EXECUTE replace(pg_get_functiondef('"App".initialize_fsm_with_outbox'::regproc), 'public.', '"App".');
    END $do$;
    ALTER FUNCTION "App".initialize_fsm_with_outbox SET search_path = "App", pg_temp;
"""


def test_another_schema_passes(database):
    """In the configured schema."""
    database.execute(APP)
    report = smoke(database.dsn(), "App")
    assert report.answer is CheckAnswer.OK, report.findings


def test_a_database_out_of_reach_is_unknown():
    """No step was run."""
    report = smoke("postgresql://postgres@127.0.0.1:1/postgres?connect_timeout=1", "public")
    assert checks(report, CheckAnswer.UNKNOWN) >= NAMES - {"rolled_back"}
