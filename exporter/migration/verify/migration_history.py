"""Checks that the tables that the migration depends on exist, and that the migration history records both versions."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.expected import ExpectedMigration
from exporter.migration.report import CheckFinding, Deviation, finding_of, unknown_finding
from exporter.migration.sql_text import identifier
from exporter.migration.verify.catalogue import SchemaFacts

_TABLE = "supabase_migrations.schema_migrations"


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """One finding per table referred to, one per version, and one about the order of the versions."""
    yield _parent(facts, facts.schema, "courses")
    yield _parent(facts, "auth", "users")
    for migration in expected.MIGRATIONS:
        yield _recorded(facts, migration)
    yield _order(facts)


def _parent(facts: SchemaFacts, schema: str, table: str) -> CheckFinding:
    """The table exists, and a foreign key can refer to its id."""
    relation, name = facts.relation(schema, table), identifier(schema, table)
    deviations = []
    if relation is None:
        deviations.append(Deviation("missing", f"apply the migration that creates {name} first"))
    elif relation.id_type != "uuid":
        deviations.append(Deviation(f"column id is {relation.id_type or 'missing'}", f"\\d+ {name} shows it"))
    elif not relation.id_unique:
        deviations.append(Deviation("id is not unique", f"ALTER TABLE {name} ADD PRIMARY KEY (id);"))
    return finding_of(f"dependency.{table}", f"table {name} with a unique id UUID", deviations)


def _recorded(facts: SchemaFacts, migration: ExpectedMigration) -> CheckFinding:
    check, wanted = f"register.{migration.version}", f"{migration.file} recorded in {_TABLE}"
    access = facts.history.access
    if not access.readable:
        return unknown_finding(check, wanted, access.obstacle, access.remedy)
    if facts.history.has(migration.version):
        return finding_of(check, wanted, ())
    if not access.complete:
        obstacle = "not visible: row-level security may hide it"
        return unknown_finding(check, wanted, obstacle, f"ask as the owner of {_TABLE}")
    others = [known.version for known in facts.history.versions if known.name == migration.name]
    found = f"recorded as {', '.join(others)}" if others else "not recorded"
    return finding_of(check, wanted, (Deviation(found, repair(migration, "applied")),))


def _order(facts: SchemaFacts) -> CheckFinding:
    """The RPC uses the tables, so its version may not be recorded without theirs."""
    check, wanted = "register.order", "tables first, then the RPC"
    history, (first, second) = facts.history, expected.MIGRATIONS
    if not history.access.readable or not (history.access.complete or history.has(first.version)):
        return unknown_finding(check, wanted, history.access.obstacle or "not visible", history.access.remedy)
    deviations = []
    if history.has(second.version) and not history.has(first.version):
        deviations.append(Deviation(f"{second.version} without {first.version}", repair(first, "applied")))
    return finding_of(check, wanted, deviations)


def repair(migration: ExpectedMigration, status: str) -> str:
    """The command that corrects the migration history; `status` is `applied` or `reverted`."""
    return f"verify the state by hand, then: supabase migration repair --status {status} {migration.version}"
