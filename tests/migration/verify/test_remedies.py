"""The printed statements correct the reported problems."""

from __future__ import annotations

import pytest

from tests.migration.partitioned import PARTITIONED
from tests.migration.verification import (
    apply_remedies,
    broken_checks,
)
from tests.migration.verify.cases import (
    KEYS_JOB,
)

DEVIATIONS = {
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


@pytest.mark.parametrize("case", DEVIATIONS)
def test_remedies_correct_a_deviation(database, case):
    """After running the printed statements unchanged every check is ok."""
    database.execute(DEVIATIONS[case])
    apply_remedies(database)
    assert broken_checks(database) == set()


PARTITION_DEVIATIONS = {
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


@pytest.mark.parametrize("case", PARTITION_DEVIATIONS)
def test_remedies_correct_a_partitioned_table(database, case):
    """Without CONCURRENTLY, which it does not support, and with the partition key in the primary key."""
    database.execute(PARTITIONED)
    database.execute(PARTITION_DEVIATIONS[case])
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
@pytest.mark.parametrize("case", DEVIATIONS)
def test_remedies_work_in_a_schema_of_any_name(embedded_database, case, schema):
    """Reserved words, capitals, quotes: every name in every statement is quoted where necessary."""
    database, new = embedded_database, '"{}"'.format(schema.replace('"', '""'))
    database.execute(MOVED.replace("{new}", new) + DEVIATIONS[case])
    apply_remedies(database, schema=schema)
    assert broken_checks(database, schema=schema) == set()


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
def test_remedies_quote_unusual_names(database, case):
    """Names of existing constraints and policies are quoted, too."""
    database.execute(NAMED[case])
    apply_remedies(database)
    assert broken_checks(database) == set()
