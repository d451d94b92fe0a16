"""The error messages of the guide's Troubleshooting that the state of the database explains, with their remedies."""

from collections.abc import Iterable, Iterator

from exporter.migration import expected
from exporter.migration.report import CheckAnswer, CheckFinding, Diagnosis
from exporter.migration.sql_text import literal
from exporter.migration.verify.catalogue import SchemaFacts
from exporter.migration.verify.migration_history import repair

# Queries for people, from the guide.
_RECORDED = "SELECT version, name FROM supabase_migrations.schema_migrations WHERE version = '{}';"
_SEARCH_PATH_QUERY = "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE proname = 'initialize_fsm_with_outbox'"


def diagnose(facts: SchemaFacts, findings: Iterable[CheckFinding]) -> Iterator[Diagnosis]:
    """The diagnoses, in the order of the guide. Source: migrations reference, "Troubleshooting"."""
    broken = {finding.check: finding for finding in findings if finding.answer is CheckAnswer.BROKEN}
    yield from _relation_exists(facts, broken)
    yield from _column_missing(facts, broken)
    yield from _function_missing(broken)
    yield from _search_path(facts, broken)
    yield from _permission_denied(facts, broken)


def _relation_exists(facts: SchemaFacts, broken: dict[str, CheckFinding]) -> Iterator[Diagnosis]:
    first = expected.MIGRATIONS[0]
    existing = [table for table in expected.TABLE_NAMES if facts.relation(facts.schema, table)]
    if existing and f"register.{first.version}" in broken:
        yield Diagnosis(
            f'relation "{existing[0]}" already exists',
            f"{', '.join(existing)} exist, but {first.version} is not recorded: it would be applied again",
            _RECORDED.format(first.version) + "\n"
            f"If it is recorded, skip the migration; else {repair(first, 'applied')}",
        )
    if not existing and facts.history.has(first.version):
        yield Diagnosis(
            f'relation "{expected.TABLE_NAMES[0]}" does not exist',
            f"{first.version} is recorded, so it is not applied again, but its tables do not exist",
            repair(first, "reverted"),
        )


def _column_missing(facts: SchemaFacts, broken: dict[str, CheckFinding]) -> Iterator[Diagnosis]:
    for check, finding in broken.items():
        dependency = check.startswith("dependency.")
        if dependency or (check.endswith(".columns") and "is missing" in finding.found):
            yield Diagnosis(
                "column does not exist",
                f"{check.removesuffix('.columns').removeprefix('dependency.')}: {finding.found}",
                f"\\d+ {facts.full_name('courses')}\nSELECT tablename FROM pg_tables WHERE tablename = 'courses';\n"
                "verify that all dependencies exist, then apply the migrations in order",
            )


def _function_missing(broken: dict[str, CheckFinding]) -> Iterator[Diagnosis]:
    missing = [name for name in expected.FUNCTION_NAMES if f"{name}.signature" in broken]
    if missing:
        yield Diagnosis(
            "function does not exist",
            f"{', '.join(missing)}: missing, or not callable as documented",
            "\n".join(f"\\df {name}" for name in missing) + "\nrecreate the functions from the migration file",
        )


def _search_path(facts: SchemaFacts, broken: dict[str, CheckFinding]) -> Iterator[Diagnosis]:
    finding = broken.get(f"{expected.RPC.name}.search_path")
    if finding and finding.remedy:
        yield Diagnosis(
            "search_path hijacking",
            finding.found,
            _SEARCH_PATH_QUERY + f"; should show search_path={facts.home}, pg_temp\n{finding.remedy}",
        )


def _permission_denied(facts: SchemaFacts, broken: dict[str, CheckFinding]) -> Iterator[Diagnosis]:
    finding = broken.get(f"{expected.RPC.name}.execute")
    if finding and finding.remedy:
        types = ", ".join(parameter.type for parameter in expected.RPC.parameters)
        signature = literal(f"{facts.full_name(expected.RPC.name)}({types})")
        query = f"SELECT has_function_privilege('authenticated', {signature}, 'EXECUTE'); should return t"
        yield Diagnosis("permission denied", finding.found, f"{query}\n{finding.remedy}")
