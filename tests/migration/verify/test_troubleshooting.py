"""The errors of the guide's Troubleshooting."""

from __future__ import annotations

import pytest

from tests.migration.verification import (
    run_verify,
)
from tests.migration.verify.cases import (
    KEYS_JOB,
)

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
def test_errors_of_the_guide_are_explained_with_its_remedy(database, case):
    """For each error of the Troubleshooting section the cause and the remedy are reported."""
    statement, error, remedy = ERRORS[case]
    assert run_verify(database).diagnoses == ()
    database.execute(statement)
    found = [each for each in run_verify(database).diagnoses if each.error == error]
    assert found
    assert any(remedy in each.remedy for each in found)
