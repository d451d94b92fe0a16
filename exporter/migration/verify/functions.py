"""Judges the RPC and the clean-ups: signature, rights, search_path, callers, and that they do their work.

Later optional parameters are accepted; so is a second function of the same name, as long as every one that can be
called in the documented way is safe.
"""

import re
from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.quoting import identifier, names
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of
from exporter.migration.verify import catalogue
from exporter.migration.verify.catalogue import SchemaFacts

# With these alone nothing of a user resolves without its schema, so that nothing can be put in between.
_NOTHING_TO_HIJACK = ("", "pg_catalog", "pg_temp")

PINNED = "public, pg_temp"


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Every documented function."""
    for wanted in expected.FUNCTIONS:
        named = [function for function in facts.functions if function.name == wanted.name]
        matching = [function for function in named if _fits(wanted, function)]
        yield _signature(facts, wanted, named, matching)
        yield _definer(facts, wanted, matching)
        if wanted.pinned:
            yield _search_path(facts, wanted, matching)
        if wanted.callers:
            yield _execute(facts, wanted, matching)
        yield _body(wanted, matching)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """Functions with their owner's rights that anybody may call, or that look up names where callers say."""
    pinned = {wanted.name for wanted in expected.FUNCTIONS if wanted.pinned}
    for function in (function for function in facts.functions if function.security_definer):
        name = _name(facts, function)
        outsiders = [role for role in ("public", "anon") if role in function.callers]
        if outsiders:
            yield CheckWarning(
                function.name,
                f"SECURITY DEFINER, and {' and '.join(outsiders)} may call it",
                f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC, anon;",
            )
        if function.name not in pinned and not is_safe(function.search_path):
            yield CheckWarning(function.name, f"SECURITY DEFINER, and {_path(function)}", _pin(facts, function))
    yield from _crowds(facts)
    yield from _open_schema(facts)


def is_safe(search_path: str | None) -> bool:
    """A caller cannot slip objects of their own in: pg_temp comes last, or nothing is looked up at all.

    Without being named pg_temp is searched first (PostgreSQL documentation, "Writing SECURITY DEFINER Functions
    Safely"); "$user" is the caller's choice.
    """
    if search_path is None:
        return False
    schemas = names(search_path) or [""]
    if all(schema in _NOTHING_TO_HIJACK for schema in schemas):
        return True
    return "$user" not in schemas and "pg_temp" not in schemas[:-1] and schemas[-1] == "pg_temp"


def _fits(wanted: expected.Function, found: catalogue.Function) -> bool:
    """Can be called as documented: its first parameters are those, whatever follows is optional."""
    first = list(zip(found.parameter_names, found.parameter_types, strict=True))[: len(wanted.parameters)]
    required = sum(not parameter.optional for parameter in wanted.parameters)
    return (
        found.ordinary
        and first == [(parameter.name, parameter.type) for parameter in wanted.parameters]
        and len(found.parameter_types) - found.optional <= required
        and wanted.returns in (None, found.returns)
    )


def _signature(
    facts: SchemaFacts, wanted: expected.Function, named: list[catalogue.Function], matching: list[catalogue.Function]
) -> CheckFinding:
    file = next(migration.file for migration in expected.MIGRATIONS if migration.version == wanted.version)
    remedy = f"recreate it from {file}"
    deviations = []
    if not named:
        deviations.append(Deviation("missing", remedy))
    elif not matching:
        there = "; ".join(f"{function.name}({_parameters(function)}) RETURNS {function.returns}" for function in named)
        deviations.append(Deviation(f"another one: {there}", remedy))
    deviations += [
        Deviation("not VOLATILE: it cannot write", f"ALTER FUNCTION {_name(facts, function)} VOLATILE;")
        for function in matching
        if not function.volatile
    ]
    returns = f" RETURNS {wanted.returns.upper()}" if wanted.returns else ""
    parameters = ", ".join(_written(parameter) for parameter in wanted.parameters)
    found = "as expected"
    if matching and len(matching[0].parameter_types) > len(wanted.parameters):
        found = f"as expected, with {len(matching[0].parameter_types)} parameters"
    return finding_of(
        f"{wanted.name}.signature", f"{facts.home}.{wanted.name}({parameters}){returns}", deviations, found
    )


def _definer(facts: SchemaFacts, wanted: expected.Function, matching: list[catalogue.Function]) -> CheckFinding:
    deviations = _absent(matching) + [
        Deviation("SECURITY INVOKER", f"ALTER FUNCTION {_name(facts, function)} SECURITY DEFINER;")
        for function in matching
        if not function.security_definer
    ]
    return finding_of(f"{wanted.name}.security_definer", "SECURITY DEFINER", deviations)


def _search_path(facts: SchemaFacts, wanted: expected.Function, matching: list[catalogue.Function]) -> CheckFinding:
    deviations = _absent(matching) + [
        Deviation(_path(function), _pin(facts, function)) for function in matching if not is_safe(function.search_path)
    ]
    found = ", ".join(f"search_path = {function.search_path}" for function in matching)
    return finding_of(f"{wanted.name}.search_path", f"search_path pinned, pg_temp last: {PINNED}", deviations, found)


def _execute(facts: SchemaFacts, wanted: expected.Function, matching: list[catalogue.Function]) -> CheckFinding:
    """The right counts, not the GRANT: PUBLIC keeps EXECUTE by default. USAGE on the schema is part of it."""
    deviations = _absent(matching) + [
        Deviation(
            f"{role} may not call it",
            f"GRANT USAGE ON SCHEMA {facts.home} TO {identifier(role)}; "
            f"GRANT EXECUTE ON FUNCTION {_name(facts, function)} TO {identifier(role)};",
        )
        for function in matching
        for role in wanted.callers
        if role not in function.callers
    ]
    return finding_of(f"{wanted.name}.execute", f"EXECUTE for {', '.join(wanted.callers)}", deviations)


def _body(wanted: expected.Function, matching: list[catalogue.Function]) -> CheckFinding:
    """It names the tables that it works on; a body that is not kept as text cannot be read."""
    file = next(migration.file for migration in expected.MIGRATIONS if migration.version == wanted.version)
    deviations = _absent(matching)
    for function in matching:
        missing = [table for table in wanted.tables if not mentions(function.body, table)]
        if not function.body:
            deviations.append(Deviation("its body cannot be read", "\\sf in psql shows it", CheckAnswer.UNKNOWN))
        elif missing:
            deviations.append(Deviation(f"never mentions {', '.join(missing)}", f"recreate it from {file}"))
    return finding_of(f"{wanted.name}.body", f"works on {', '.join(wanted.tables)}", deviations)


def mentions(text: str, table: str) -> bool:
    """The text names this table, comments aside."""
    code = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    return re.search(rf"\b{table}\b", code, re.IGNORECASE) is not None


def _absent(matching: list[catalogue.Function]) -> list[Deviation]:
    return [] if matching else [Deviation("no such function", "")]


def _crowds(facts: SchemaFacts) -> Iterator[CheckWarning]:
    for wanted in expected.FUNCTIONS:
        matching = [f for f in facts.functions if f.name == wanted.name and _fits(wanted, f)]
        if len(matching) > 1:
            short = min(matching, key=lambda function: len(function.parameter_types))
            yield CheckWarning(
                wanted.name,
                f"{len(matching)} functions can be called in the documented way: such a call is ambiguous",
                f"DROP FUNCTION {_name(facts, short)};",
            )


def _open_schema(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """A pinned path is worth as much as the schemas on it (CVE-2018-1058)."""
    creators = {role for function in facts.functions if function.security_definer for role in function.creators}
    outsiders = [role for role in expected.OUTSIDERS if role in creators]
    if outsiders:
        yield CheckWarning(
            facts.schema,
            f"{', '.join(outsiders)} may create objects in a schema that SECURITY DEFINER functions search",
            f"REVOKE CREATE ON SCHEMA {facts.home} FROM {', '.join(map(identifier, outsiders))};",
        )


def _pin(facts: SchemaFacts, function: catalogue.Function) -> str:
    return f"ALTER FUNCTION {_name(facts, function)} SET search_path = {facts.home}, pg_temp;"


def _path(function: catalogue.Function) -> str:
    if function.search_path is None:
        return "search_path is not pinned"
    return f"search_path = {function.search_path}"


def _name(facts: SchemaFacts, function: catalogue.Function) -> str:
    return f"{identifier(facts.schema, function.name)}({function.arguments})"


def _parameters(function: catalogue.Function) -> str:
    pairs = zip(function.parameter_names, function.parameter_types, strict=True)
    return ", ".join(f"{name} {kind}".strip() for name, kind in pairs)


def _written(parameter: expected.Parameter) -> str:
    return f"{parameter.name} {parameter.type.upper()}{' DEFAULT ...' if parameter.optional else ''}"
