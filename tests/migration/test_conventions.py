"""Our own migrations keep the guide's rules, and applied again they change nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from exporter.lab import migrate
from exporter.migration import expected
from tests import postgres
from tests.migration.conventions import faults
from tools.image import ROOT

# Every migration of this repository, the lab's two and optional ones: files that are named by a time.
FILES = sorted(
    file
    for file in (
        *(ROOT / "exporter").rglob("*.sql"),
        *(ROOT / "docs").rglob("*.sql"),
        *(ROOT / "examples").rglob("*.sql"),
    )
    if re.match(r"\d{8,}", file.name)
)


def test_there_are_the_two_of_the_guide():
    """By their documented names."""
    assert [migration.file for migration in expected.MIGRATIONS] == [file.path.name for file in migrate.migrations()]
    assert {migration.file for migration in expected.MIGRATIONS} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_keeps_the_rules(file: Path):
    """Name, header, idempotence, ON DELETE, RLS in the same file, pinned search_path, comments."""
    assert faults(file.name, file.read_text()) == []


def structure(database: postgres.Database) -> str:
    """The database's definition with its comments and grants, as pg_dump of the newest server prints it."""
    programs = database.cluster._installation
    done = subprocess.run(
        [programs.bin / "pg_dump", "--schema-only", "--dbname", database.dsn()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    # Newer ones begin with a key that differs each time.
    return re.sub(r"\\(un)?restrict .*", "", done.stdout)


def test_applied_again_nothing_changes(database):
    """The definitions and the jobs are exactly the same."""
    query = "SELECT string_agg(t::text, '|' ORDER BY t::text) FROM (SELECT jobname, schedule FROM cron.job) AS t"
    before, jobs = structure(database), database.value(query)
    with database.connect() as connection:
        for migration in migrate.migrations():
            migrate.apply_migration(connection, migration)
    assert structure(database) == before
    assert database.value(query) == jobs


GOOD = """\
-- ============================================================================
-- Create notes
-- Purpose: something to test with,
--          in two lines
-- Date: 2026-01-02
-- Dependencies: 20251118094238_create_transactional_outbox_tables.sql
-- ============================================================================
CREATE TABLE IF NOT EXISTS public.notes (id UUID REFERENCES public.courses(id) ON DELETE CASCADE);
CREATE INDEX IF NOT EXISTS idx_notes ON public.notes (id);
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS nobody ON public.notes;
CREATE POLICY nobody ON public.notes USING (false);
CREATE OR REPLACE FUNCTION public.note() RETURNS INT LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$ BEGIN CREATE TABLE inside (x INT); RETURN 1; END $$;
COMMENT ON TABLE public.notes IS 'x';
COMMENT ON FUNCTION public.note() IS 'x';
"""
NAME = "20260102030405_create_notes.sql"

BAD = {
    "20260102030405_create-notes.sql": ("", "", "name: not"),
    "20260102_create_notes.sql": ("", "", "name: not"),
    "20261302030405_create_notes.sql": ("", "", "name: no such time"),
    "20260103030405_create_notes.sql": ("", "", "another date"),
    "a purpose": ("-- Purpose", "-- Propose", "header: not"),
    "a date": ("-- Date: 2026-01-02\n", "", "header: not"),
    "dependencies": ("20251118094238_create", "20270101000000_create", "a later migration"),
    "tables": ("TABLE IF NOT EXISTS", "TABLE", "not idempotent: CREATE TABLE public.notes"),
    "indexes": ("INDEX IF NOT EXISTS", "INDEX", "not idempotent: CREATE INDEX idx_notes"),
    "functions": ("CREATE OR REPLACE", "CREATE", "without OR REPLACE"),
    "policies": ("DROP POLICY IF EXISTS nobody ON public.notes;\n", "", "policy nobody is not dropped"),
    "drops": ("CREATE INDEX", "DROP INDEX idx_old;\nCREATE INDEX", "not idempotent: DROP INDEX idx_old"),
    "columns": ("CREATE INDEX", "ALTER TABLE x ADD COLUMN y INT;\nCREATE INDEX", "not idempotent: ADD COLUMN y"),
    "on delete": (" ON DELETE CASCADE", "", "no ON DELETE"),
    "row security": ("ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;\n", "", "no row-level security"),
    "a policy": (
        "CREATE POLICY nobody ON public.notes",
        "CREATE POLICY nobody ON public.others",
        "no policy in the same",
    ),
    "search_path": ("SET search_path = public, pg_temp\n", "", "without a pinned search_path: public.note"),
    "pg_temp": ("public, pg_temp", "public", "without a pinned search_path: public.note"),
    "table comments": ("COMMENT ON TABLE public.notes IS 'x';\n", "", "no comment: notes"),
    "function comments": ("COMMENT ON FUNCTION public.note() IS 'x';\n", "", "no comment: note"),
}


def test_a_good_migration_has_no_fault():
    """So that each fault below is the one that was put in."""
    assert faults(NAME, GOOD) == []


@pytest.mark.parametrize("case", BAD)
def test_each_rule_is_kept_by_a_check(case):
    """One thing against the rules is one fault."""
    before, after, message = BAD[case]
    assert not before or before in GOOD
    found = faults(case if case.endswith(".sql") else NAME, GOOD.replace(before, after) if before else GOOD)
    assert len(found) == 1, found
    assert message in found[0]
