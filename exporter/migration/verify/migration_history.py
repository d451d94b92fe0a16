"""Judges the dependency chain and the register: what has to be there first, and what is recorded as applied."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckFinding, Deviation, finding_of, unknown_finding
from exporter.migration.verify.catalogue import SchemaFacts

_TABLE = "supabase_migrations.schema_migrations"


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """The tables referred to, then both versions and their order."""
    yield _parent(facts, facts.schema, "courses")
    yield _parent(facts, "auth", "users")
    for migration in expected.MIGRATIONS:
        yield _recorded(facts, migration)
    yield _order(facts)


def _parent(facts: SchemaFacts, schema: str, table: str) -> CheckFinding:
    """It exists, and its id can be referred to."""
    relation = facts.relation(schema, table)
    name = identifier(schema, table)
    deviations = []
    if relation is None:
        deviations.append(Deviation("missing", f"apply the migration that creates {name} first"))
    elif relation.id_type != "uuid":
        deviations.append(Deviation(f"column id is {relation.id_type or 'missing'}", f"\\d+ {name} shows it"))
    elif not relation.id_unique:
        deviations.append(Deviation("id is not unique", f"ALTER TABLE {name} ADD PRIMARY KEY (id);"))
    return finding_of(f"dependency.{table}", f"table {name} with a unique id UUID", deviations)


def _recorded(facts: SchemaFacts, migration: expected.Migration) -> CheckFinding:
    check, wanted = f"register.{migration.version}", f"{migration.file} registered in {_TABLE}"
    view = facts.register.view
    if not view.readable:
        return unknown_finding(check, wanted, view.obstacle, view.remedy)
    if facts.register.has(migration.version):
        return finding_of(check, wanted, ())
    if not view.complete:
        return unknown_finding(
            check, wanted, "not visible: row-level security may hide it", f"look as the owner of {_TABLE}"
        )
    others = [known.version for known in facts.register.versions if known.name == migration.name]
    found = f"registered as {', '.join(others)}" if others else "not registered"
    return finding_of(check, wanted, (Deviation(found, repair(migration, "applied")),))


def _order(facts: SchemaFacts) -> CheckFinding:
    """The RPC refers to the tables: its version is never registered without theirs."""
    check, wanted = "register.order", "tables first, then the RPC"
    view, (first, second) = facts.register.view, expected.MIGRATIONS
    if not view.readable or not (view.complete or facts.register.has(first.version)):
        return unknown_finding(check, wanted, view.obstacle or "not visible", view.remedy)
    deviations = []
    if facts.register.has(second.version) and not facts.register.has(first.version):
        deviations.append(Deviation(f"{second.version} without {first.version}", repair(first, "applied")))
    return finding_of(check, wanted, deviations)


def repair(migration: expected.Migration, status: str) -> str:
    """How to correct the register once the database has been looked at."""
    return f"verify the state by hand, then: supabase migration repair --status {status} {migration.version}"
