"""`verify --expect absent`: after a rollback no object of the migration may be left."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.expected import ExpectedMigration, ExpectedTable
from exporter.migration.report import CheckFinding, Deviation, finding_of, unknown_finding
from exporter.migration.sql_text import identifier
from exporter.migration.verify.access_checks import ASK_JOB_OWNER
from exporter.migration.verify.catalogue import SchemaFacts
from exporter.migration.verify.migration_history import repair

_KINDS = {"i": "INDEX", "I": "INDEX", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """One finding per function, table and version, and one for the jobs, in the order of the guide's rollback."""
    for function in expected.FUNCTIONS:
        yield _function(facts, function.name)
    for table in expected.TABLES:
        yield _table(facts, table)
    yield _jobs(facts)
    for migration in expected.MIGRATIONS:
        yield _recorded(facts, migration)


def _function(facts: SchemaFacts, name: str) -> CheckFinding:
    left = [f"{identifier(facts.schema, each.name)}({each.arguments})" for each in facts.functions if each.name == name]
    return finding_of(
        name, "no such function", [Deviation(f"{each} is left", f"DROP FUNCTION {each};") for each in left]
    )


def _table(facts: SchemaFacts, table: ExpectedTable) -> CheckFinding:
    names = (table.name, *(index.name for index in table.indexes))
    left = [each for each in facts.leftovers if each.name in names]
    # Dropping the table drops its indexes.
    if any(each.name == table.name for each in left):
        left = [each for each in left if each.name == table.name]
    deviations = (
        Deviation(
            f"{each.name} is left",
            f"DROP {_KINDS.get(each.kind, 'TABLE')} IF EXISTS {identifier(facts.schema, each.name)};",
        )
        for each in left
    )
    return finding_of(table.name, "no such table, nor an index of it", deviations)


def _jobs(facts: SchemaFacts) -> CheckFinding:
    """Without pg_cron there is no job. Jobs of others are hidden, so only some roles can tell that there is none."""
    access, wanted = facts.cron.jobs_access, "no pg_cron job about outbox or idempotency keys"
    deviations = [
        Deviation(f"job {job.id} ({job.name}) is left", f"SELECT cron.unschedule({job.id});") for job in facts.cron.jobs
    ]
    if deviations or not access.exists:
        return finding_of("cron", wanted, deviations, "pg_cron is not in this database")
    if access.readable and access.complete:
        others = "neither documented job is left; those of others are not visible here"
        return finding_of("cron", wanted, (), others if access.others_hidden else "as expected")
    obstacle = access.obstacle or "a role sees its own jobs only"
    return unknown_finding("cron", wanted, obstacle, access.remedy or ASK_JOB_OWNER)


def _recorded(facts: SchemaFacts, migration: ExpectedMigration) -> CheckFinding:
    check, wanted = f"register.{migration.version}", f"{migration.version} not recorded"
    access = facts.history.access
    if facts.history.has(migration.version):
        deviation = Deviation("still recorded: it would not be applied again", repair(migration, "reverted"))
        return finding_of(check, wanted, (deviation,))
    if not access.exists:
        return finding_of(check, wanted, (), "there is no migration history in this database")
    if access.readable and access.complete:
        return finding_of(check, wanted, ())
    return unknown_finding(check, wanted, access.obstacle or "row-level security may hide it", access.remedy)
