"""Checks the RPC and the clean-up functions: signature, rights, search_path, callers, and the tables that they use.

Further optional parameters are accepted, and so are several functions of the same name, if each one that can be called
as documented passes the checks.
"""

from collections.abc import Iterable, Iterator

from exporter.migration import expected
from exporter.migration.expected import ExpectedFunction
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of
from exporter.migration.sql_text import identifier, mentions, names
from exporter.migration.verify.catalogue import FoundFunction, SchemaFacts

# With only these on the path, objects of users are found by their qualified names alone.
_SYSTEM_SCHEMAS = ("", "pg_catalog", "pg_temp")


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Up to five findings per documented function."""
    for wanted in expected.FUNCTIONS:
        named = [function for function in facts.functions if function.name == wanted.name]
        matching = [function for function in named if _matches(wanted, function)]
        yield _signature(facts, wanted, named, matching)
        absent = [] if matching else [Deviation("no such function", "")]
        for check, expectation, deviations, found in _properties(facts, wanted, matching):
            yield finding_of(f"{wanted.name}.{check}", expectation, [*absent, *deviations], found)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """SECURITY DEFINER functions that outsiders may call or whose search_path is not safe, and ambiguous calls."""
    pinned = {wanted.name for wanted in expected.FUNCTIONS if wanted.pinned}
    for function in (function for function in facts.functions if function.security_definer):
        outsiders = [role for role in ("public", "anon") if role in function.callers]
        if outsiders:
            yield CheckWarning(
                function.name,
                f"SECURITY DEFINER, and {' and '.join(outsiders)} may call it",
                f"REVOKE EXECUTE ON FUNCTION {_name(facts, function)} FROM PUBLIC, anon;",
            )
        if function.name not in pinned and not is_safe(function.search_path):
            yield CheckWarning(function.name, f"SECURITY DEFINER, and {_path(function)}", _pin(facts, function))
    for wanted in expected.FUNCTIONS:
        matching = [function for function in facts.functions if _matches(wanted, function)]
        if len(matching) > 1:
            shortest = min(matching, key=lambda function: len(function.parameter_types))
            yield CheckWarning(
                wanted.name,
                f"{len(matching)} functions can be called in the documented way: such a call is ambiguous",
                f"DROP FUNCTION {_name(facts, shortest)};",
            )
    yield from _open_schema(facts)


def is_safe(search_path: str | None) -> bool:
    """Whether callers cannot put objects of their own in front: pg_temp is last, or no schema of users is searched.

    A pg_temp that is not named is searched first (PostgreSQL documentation, "Writing SECURITY DEFINER Functions
    Safely"). "$user" depends on the caller.
    """
    if search_path is None:
        return False
    schemas = names(search_path) or [""]
    if all(schema in _SYSTEM_SCHEMAS for schema in schemas):
        return True
    return "$user" not in schemas and "pg_temp" not in schemas[:-1] and schemas[-1] == "pg_temp"


def _matches(wanted: ExpectedFunction, found: FoundFunction) -> bool:
    """It can be called as documented: its first parameters are the documented ones, all others are optional."""
    first = list(zip(found.parameter_names, found.parameter_types, strict=True))[: len(wanted.parameters)]
    required = sum(not parameter.optional for parameter in wanted.parameters)
    return (
        found.name == wanted.name
        and found.ordinary
        and first == [(parameter.name, parameter.type) for parameter in wanted.parameters]
        and len(found.parameter_types) - found.optional <= required
        and wanted.returns in (None, found.returns)
    )


def _signature(
    facts: SchemaFacts, wanted: ExpectedFunction, named: list[FoundFunction], matching: list[FoundFunction]
) -> CheckFinding:
    deviations = [
        Deviation("not VOLATILE: it cannot write", f"ALTER FUNCTION {_name(facts, function)} VOLATILE;")
        for function in matching
        if not function.volatile
    ]
    if not matching:
        others = "; ".join(f"{function.name}({_parameters(function)}) RETURNS {function.returns}" for function in named)
        found = f"another one: {others}" if named else "missing"
        deviations.append(Deviation(found, f"recreate it from {wanted.migration.file}"))
    returns = f" RETURNS {wanted.returns.upper()}" if wanted.returns else ""
    parameters = ", ".join(
        f"{each.name} {each.type.upper()}{' DEFAULT ...' if each.optional else ''}" for each in wanted.parameters
    )
    found = "as expected"
    if matching and len(matching[0].parameter_types) > len(wanted.parameters):
        found = f"as expected, with {len(matching[0].parameter_types)} parameters"
    signature = f"{facts.full_name(wanted.name)}({parameters}){returns}"
    return finding_of(f"{wanted.name}.signature", signature, deviations, found)


def _properties(
    facts: SchemaFacts, wanted: ExpectedFunction, matching: list[FoundFunction]
) -> Iterator[tuple[str, str, Iterable[Deviation], str]]:
    """The checks of every matching function: name, expectation, deviations, what is found if there are none."""
    yield (
        "security_definer",
        "SECURITY DEFINER",
        (
            Deviation("SECURITY INVOKER", f"ALTER FUNCTION {_name(facts, function)} SECURITY DEFINER;")
            for function in matching
            if not function.security_definer
        ),
        "as expected",
    )
    if wanted.pinned:
        unsafe = [function for function in matching if not is_safe(function.search_path)]
        deviations = (Deviation(_path(function), _pin(facts, function)) for function in unsafe)
        found = ", ".join(_path(function) for function in matching)
        yield "search_path", "search_path pinned, pg_temp last: public, pg_temp", deviations, found
    if wanted.callers:
        callers = ", ".join(wanted.callers)
        yield "execute", f"EXECUTE for {callers}", _forbidden_callers(facts, wanted, matching), "as expected"
    yield "body", f"works on {', '.join(wanted.tables)}", _unused_tables(wanted, matching), "as expected"


def _forbidden_callers(
    facts: SchemaFacts, wanted: ExpectedFunction, matching: list[FoundFunction]
) -> Iterator[Deviation]:
    """Checks the privilege, not the GRANT, since PUBLIC has EXECUTE by default. USAGE on the schema is part of it."""
    for function in matching:
        for role in (identifier(role) for role in wanted.callers if role not in function.callers):
            yield Deviation(
                f"{role} may not call it",
                f"GRANT USAGE ON SCHEMA {facts.home} TO {role}; "
                f"GRANT EXECUTE ON FUNCTION {_name(facts, function)} TO {role};",
            )


def _unused_tables(wanted: ExpectedFunction, matching: list[FoundFunction]) -> Iterator[Deviation]:
    for function in matching:
        missing = [table for table in wanted.tables if not mentions(function.body, table)]
        if not function.body:
            yield Deviation("its body cannot be read", "\\sf in psql shows it", CheckAnswer.UNKNOWN)
        elif missing:
            yield Deviation(f"never mentions {', '.join(missing)}", f"recreate it from {wanted.migration.file}")


def _open_schema(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """A pinned path is only as safe as the schemas on it (CVE-2018-1058)."""
    creators = {role for function in facts.functions if function.security_definer for role in function.creators}
    outsiders = [role for role in expected.OUTSIDERS if role in creators]
    if outsiders:
        yield CheckWarning(
            facts.schema,
            f"{', '.join(outsiders)} may create objects in a schema that SECURITY DEFINER functions search",
            f"REVOKE CREATE ON SCHEMA {facts.home} FROM {', '.join(map(identifier, outsiders))};",
        )


def _pin(facts: SchemaFacts, function: FoundFunction) -> str:
    return f"ALTER FUNCTION {_name(facts, function)} SET search_path = {facts.home}, pg_temp;"


def _path(function: FoundFunction) -> str:
    return "search_path is not pinned" if function.search_path is None else f"search_path = {function.search_path}"


def _name(facts: SchemaFacts, function: FoundFunction) -> str:
    return f"{identifier(facts.schema, function.name)}({function.arguments})"


def _parameters(function: FoundFunction) -> str:
    pairs = zip(function.parameter_names, function.parameter_types, strict=True)
    return ", ".join(f"{name} {kind}".strip() for name, kind in pairs)
