"""The tables that the migration depends on, and the recorded versions."""

from __future__ import annotations

import pytest

from exporter.migration.expected import ExpectedMigration
from exporter.migration.report import CheckAnswer
from exporter.migration.verify.access_checks import (
    AppliedVersion,
    Cron,
    CronTimeZone,
    MigrationHistory,
    TableAccess,
)
from exporter.migration.verify.catalogue import Relation, SchemaFacts, Settings
from exporter.migration.verify.migration_history import repair, run_checks

TABLES, RPC = "20251118094238", "20251118095804"
VISIBLE = TableAccess(exists=True, complete=True)
FILTERED = TableAccess(exists=True, complete=False)
FORBIDDEN = TableAccess(exists=True, complete=False, obstacle="forbidden", remedy="GRANT")
ABSENT = TableAccess(exists=False, complete=True, obstacle="no such table")


def relation(schema: str, table: str, id_type: str | None = "uuid", *, unique: bool = True) -> Relation:
    return Relation(schema, table, "r", "p", [], False, [], id_type, unique)


SETTINGS = Settings("postgres", 150000, [])
PARENTS = (relation("public", "courses"), relation("auth", "users"))


def answers(
    access: TableAccess = VISIBLE, versions: tuple[str, ...] = (TABLES, RPC), relations: tuple[Relation, ...] = PARENTS
) -> dict[str, tuple[CheckAnswer, str, str]]:
    """Answer, text and remedy by check, for a database whose history has these versions."""
    cron = Cron(CronTimeZone(None, None), ABSENT, ABSENT)
    history = MigrationHistory(access, tuple(AppliedVersion(version, None) for version in versions))
    facts = SchemaFacts("public", SETTINGS, relations, (), (), (), (), (), (), (), cron, history)
    return {each.check: (each.answer, each.found, each.remedy) for each in run_checks(facts)}


def test_a_complete_history_is_ok():
    """Both versions are recorded, and both tables exist."""
    assert {check: answer for check, (answer, _, _) in answers().items()} == {
        "dependency.courses": CheckAnswer.OK,
        "dependency.users": CheckAnswer.OK,
        f"register.{TABLES}": CheckAnswer.OK,
        f"register.{RPC}": CheckAnswer.OK,
        "register.order": CheckAnswer.OK,
    }


def test_a_missing_version_is_broken():
    """The order is broken only if the RPC is recorded without its tables."""
    found = answers(versions=(RPC,))
    remedy = f"verify the state by hand, then: supabase migration repair --status applied {TABLES}"
    assert found[f"register.{TABLES}"] == (CheckAnswer.BROKEN, "not recorded", remedy)
    assert found["register.order"] == (CheckAnswer.BROKEN, f"{RPC} without {TABLES}", remedy)
    found = answers(versions=(TABLES,))
    assert found[f"register.{RPC}"][0] is CheckAnswer.BROKEN
    assert found["register.order"][0] is CheckAnswer.OK


def test_another_version_of_that_name_is_reported():
    """A migration that was applied under another version."""
    name = "create_transactional_outbox_tables"
    history = MigrationHistory(VISIBLE, (AppliedVersion("20260101000000", name), AppliedVersion(RPC, None)))
    cron = Cron(CronTimeZone(None, None), ABSENT, ABSENT)
    facts = SchemaFacts("public", SETTINGS, PARENTS, (), (), (), (), (), (), (), cron, history)
    (finding,) = (each for each in run_checks(facts) if each.check == f"register.{TABLES}")
    assert finding.found == "recorded as 20260101000000"


@pytest.mark.parametrize(("access", "text"), [(FORBIDDEN, "forbidden"), (ABSENT, "no such table")])
def test_a_history_that_cannot_be_read_is_unknown(access, text):
    """With the reason, for each of its checks."""
    found = answers(access, versions=())
    for check in (f"register.{TABLES}", f"register.{RPC}", "register.order"):
        assert found[check][:2] == (CheckAnswer.UNKNOWN, text)


def test_a_filtered_history_proves_only_visible_entries():
    """A version that is visible is recorded; one that is not may be hidden."""
    found = answers(FILTERED, versions=(TABLES,))
    assert found[f"register.{TABLES}"][0] is CheckAnswer.OK
    assert found[f"register.{RPC}"][0] is CheckAnswer.UNKNOWN
    assert found["register.order"][0] is CheckAnswer.OK
    assert answers(FILTERED, versions=(RPC,))["register.order"][:2] == (CheckAnswer.UNKNOWN, "not visible")


@pytest.mark.parametrize(
    ("relations", "text"),
    [
        ((), "missing"),
        ((relation("public", "courses", None),), "column id is missing"),
        ((relation("public", "courses", "bigint"),), "column id is bigint"),
        ((relation("public", "courses", unique=False),), "id is not unique"),
        ((relation("other", "courses"),), "missing"),
    ],
)
def test_a_table_that_cannot_be_referred_to_is_broken(relations, text):
    """It has to exist in the schema, with a unique id of type UUID."""
    assert answers(relations=relations)["dependency.courses"][:2] == (CheckAnswer.BROKEN, text)


def test_the_command_that_corrects_the_history():
    """It names the status and the version."""
    command = repair(ExpectedMigration("20260101000000", "name"), "reverted")
    assert command.endswith("supabase migration repair --status reverted 20260101000000")
