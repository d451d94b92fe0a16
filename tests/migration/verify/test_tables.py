"""Remedies for columns whose type differs."""

from __future__ import annotations

import psycopg
import pytest

from exporter.migration.report import CheckAnswer
from tests.migration.database_rows import OTHER_ROWS
from tests.migration.partitioned import PARTITIONED
from tests.migration.verification import (
    broken_checks,
    run_verify,
)


@pytest.mark.parametrize("precision", ["", "(3)"])
def test_times_without_a_zone_are_converted_in_a_zone_to_be_given(database, precision):
    """The statement fails until the placeholder is replaced by a time zone."""
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
    """PostgreSQL refuses every such statement, so none is printed."""
    database.execute(PARTITIONED.replace("created_at TIMESTAMPTZ NOT NULL", "created_at TIMESTAMP NOT NULL"))
    (finding,) = (f for f in run_verify(database).findings if f.answer is CheckAnswer.BROKEN)
    assert "created_at is timestamp without time zone" in finding.found
    assert "ALTER TABLE" not in finding.remedy
