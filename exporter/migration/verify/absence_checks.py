"""`verify --expect absent`: after a rollback nothing may be left."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckFinding, Deviation, finding_of, unknown_finding
from exporter.migration.verify.access_checks import ASK_JOB_OWNER
from exporter.migration.verify.catalogue import Leftover, SchemaFacts
from exporter.migration.verify.migration_history import repair

_KINDS = {"i": "INDEX", "I": "INDEX", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Tables, indexes, functions, jobs and the register, in the order of the guide's rollback."""
    for function in expected.FUNCTIONS:
        yield _function(facts, function.name)
    for table in expected.TABLES:
        yield _relations(facts, table.name, (table.name, *(index.name for index in table.indexes)))
    yield _jobs(facts)
    for migration in expected.MIGRATIONS:
        yield _registered(facts, migration)


def _function(facts: SchemaFacts, name: str) -> CheckFinding:
    left = [f"{facts.home}.{identifier(each.name)}({each.arguments})" for each in facts.functions if each.name == name]
    return finding_of(
        name, "no such function", (Deviation(f"{each} is left", f"DROP FUNCTION {each};") for each in left)
    )


def _relations(facts: SchemaFacts, table: str, names: tuple[str, ...]) -> CheckFinding:
    left = [each for each in facts.leftovers if each.name in names]
    # With a table its indexes go.
    gone_with_it = any(each.name == table for each in left)
    deviations = (
        Deviation(f"{each.name} is left", f"DROP {_KINDS.get(each.kind, 'TABLE')} IF EXISTS {_name(facts, each)};")
        for each in left
        if each.name == table or not gone_with_it
    )
    return finding_of(table, "no such table, nor an index of it", deviations)


def _name(facts: SchemaFacts, left: Leftover) -> str:
    return identifier(facts.schema, left.name)


def _jobs(facts: SchemaFacts) -> CheckFinding:
    """Without pg_cron there is no job; jobs of others are hidden, so seeing none proves something only to some."""
    view, wanted = facts.cron.jobs_access, "no pg_cron job about outbox or idempotency keys"
    if facts.cron.jobs:
        deviations = (
            Deviation(f"job {job.id} ({job.name}) is left", f"SELECT cron.unschedule({job.id});")
            for job in facts.cron.jobs
        )
        return finding_of("cron", wanted, deviations)
    if not view.exists:
        return finding_of("cron", wanted, (), "pg_cron is not in this database")
    if view.readable and view.complete:
        others = "neither documented job is left; those of others are not visible here"
        return finding_of("cron", wanted, (), others if view.others_hidden else "as expected")
    why = view.obstacle or "a role sees its own jobs only"
    return unknown_finding("cron", wanted, why, view.remedy or ASK_JOB_OWNER)


def _registered(facts: SchemaFacts, migration: expected.Migration) -> CheckFinding:
    """A version that stays registered would not be applied again."""
    check, wanted = f"register.{migration.version}", f"{migration.version} not registered"
    view = facts.register.view
    if facts.register.has(migration.version):
        deviation = Deviation("still registered: it would not be applied again", repair(migration, "reverted"))
        return finding_of(check, wanted, (deviation,))
    if not view.exists:
        return finding_of(check, wanted, (), "there is no register in this database")
    if view.readable and view.complete:
        return finding_of(check, wanted, ())
    return unknown_finding(check, wanted, view.obstacle or "row-level security may hide it", view.remedy)
