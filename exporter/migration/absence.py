"""`verify --expect absent`: after a rollback nothing may be left."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.bookkeeping import LOOK
from exporter.migration.catalogue import Catalogue, Leftover
from exporter.migration.findings import Finding, Trouble, judged, unknown
from exporter.migration.quoting import identifier
from exporter.migration.register import repair

_KINDS = {"i": "INDEX", "I": "INDEX", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


def judge(facts: Catalogue) -> Iterator[Finding]:
    """Tables, indexes, functions, jobs and the register, in the order of the guide's rollback."""
    for function in expected.FUNCTIONS:
        yield _function(facts, function.name)
    for table in expected.TABLES:
        yield _relations(facts, table.name, (table.name, *(index.name for index in table.indexes)))
    yield _jobs(facts)
    for migration in expected.MIGRATIONS:
        yield _registered(facts, migration)


def _function(facts: Catalogue, name: str) -> Finding:
    left = [f"{facts.home}.{identifier(each.name)}({each.arguments})" for each in facts.functions if each.name == name]
    return judged(name, "no such function", (Trouble(f"{each} is left", f"DROP FUNCTION {each};") for each in left))


def _relations(facts: Catalogue, table: str, names: tuple[str, ...]) -> Finding:
    left = [each for each in facts.leftovers if each.name in names]
    # With a table its indexes go.
    gone_with_it = any(each.name == table for each in left)
    troubles = (
        Trouble(f"{each.name} is left", f"DROP {_KINDS.get(each.kind, 'TABLE')} IF EXISTS {_name(facts, each)};")
        for each in left
        if each.name == table or not gone_with_it
    )
    return judged(table, "no such table, nor an index of it", troubles)


def _name(facts: Catalogue, left: Leftover) -> str:
    return identifier(facts.schema, left.name)


def _jobs(facts: Catalogue) -> Finding:
    """Without pg_cron there is no job; jobs of others are hidden, so seeing none proves something only to some."""
    view, wanted = facts.cron.jobs_view, "no pg_cron job about outbox or idempotency keys"
    if facts.cron.jobs:
        troubles = (
            Trouble(f"job {job.id} ({job.name}) is left", f"SELECT cron.unschedule({job.id});")
            for job in facts.cron.jobs
        )
        return judged("cron", wanted, troubles)
    if not view.exists:
        return judged("cron", wanted, (), "pg_cron is not in this database")
    if view.readable and view.complete:
        others = "neither documented job is left; those of others are not visible here"
        return judged("cron", wanted, (), others if view.others_hidden else "as expected")
    why = view.obstacle or "a role sees its own jobs only"
    return unknown("cron", wanted, why, view.remedy or LOOK)


def _registered(facts: Catalogue, migration: expected.Migration) -> Finding:
    """A version that stays registered would not be applied again."""
    check, wanted = f"register.{migration.version}", f"{migration.version} not registered"
    view = facts.register.view
    if facts.register.has(migration.version):
        trouble = Trouble("still registered: it would not be applied again", repair(migration, "reverted"))
        return judged(check, wanted, (trouble,))
    if not view.exists:
        return judged(check, wanted, (), "there is no register in this database")
    if view.readable and view.complete:
        return judged(check, wanted, ())
    return unknown(check, wanted, view.obstacle or "row-level security may hide it", view.remedy)
