"""Judges the dependency chain and the register: what has to be there first, and what is recorded as applied."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.catalogue import Catalogue
from exporter.migration.findings import Finding, Trouble, judged, unknown
from exporter.migration.quoting import identifier

_TABLE = "supabase_migrations.schema_migrations"


def judge(facts: Catalogue) -> Iterator[Finding]:
    """The tables referred to, then both versions and their order."""
    yield _parent(facts, facts.schema, "courses")
    yield _parent(facts, "auth", "users")
    for migration in expected.MIGRATIONS:
        yield _recorded(facts, migration)
    yield _order(facts)


def _parent(facts: Catalogue, schema: str, table: str) -> Finding:
    """It exists, and its id can be referred to."""
    relation = facts.relation(schema, table)
    name = identifier(schema, table)
    troubles = []
    if relation is None:
        troubles.append(Trouble("missing", f"apply the migration that creates {name} first"))
    elif relation.id_type != "uuid":
        troubles.append(Trouble(f"column id is {relation.id_type or 'missing'}", f"\\d+ {name} shows it"))
    elif not relation.id_unique:
        troubles.append(Trouble("id is not unique", f"ALTER TABLE {name} ADD PRIMARY KEY (id);"))
    return judged(f"dependency.{table}", f"table {name} with a unique id UUID", troubles)


def _recorded(facts: Catalogue, migration: expected.Migration) -> Finding:
    check, wanted = f"register.{migration.version}", f"{migration.file} registered in {_TABLE}"
    view = facts.register.view
    if not view.readable:
        return unknown(check, wanted, view.obstacle, view.remedy)
    if facts.register.has(migration.version):
        return judged(check, wanted, ())
    if not view.complete:
        return unknown(check, wanted, "not visible: row-level security may hide it", f"look as the owner of {_TABLE}")
    others = [known.version for known in facts.register.versions if known.name == migration.name]
    found = f"registered as {', '.join(others)}" if others else "not registered"
    return judged(check, wanted, (Trouble(found, repair(migration, "applied")),))


def _order(facts: Catalogue) -> Finding:
    """The RPC refers to the tables: its version is never registered without theirs."""
    check, wanted = "register.order", "tables first, then the RPC"
    view, (first, second) = facts.register.view, expected.MIGRATIONS
    if not view.readable or not (view.complete or facts.register.has(first.version)):
        return unknown(check, wanted, view.obstacle or "not visible", view.remedy)
    troubles = []
    if facts.register.has(second.version) and not facts.register.has(first.version):
        troubles.append(Trouble(f"{second.version} without {first.version}", repair(first, "applied")))
    return judged(check, wanted, troubles)


def repair(migration: expected.Migration, status: str) -> str:
    """How to correct the register once the database has been looked at."""
    return f"verify the state by hand, then: supabase migration repair --status {status} {migration.version}"
