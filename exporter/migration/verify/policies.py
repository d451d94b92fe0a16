"""Judges row-level security by what the policies do, not by what they are called."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.quoting import identifier, literal
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of, worst
from exporter.migration.verify import catalogue
from exporter.migration.verify.catalogue import SchemaFacts
from exporter.migration.verify.conditions import RowVisibility, visible_rows

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}

# So many partitions are named in one sentence.
_NAMED = 3


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Row-level security of each table, and each documented policy."""
    for table in expected.TABLES:
        yield _enabled(facts, table)
        for policy in table.policies:
            yield _policy(facts, table, policy)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """Later policies that let outsiders in under a condition that only people can judge."""
    for policy in _others(facts):
        if policy.permissive and policy.applies_to and not _opens(policy) and _denies(policy) is not CheckAnswer.OK:
            condition = policy.using_expression or policy.check_expression
            yield CheckWarning(
                f"{policy.table_name}.{policy.name}",
                f"lets {', '.join(policy.applies_to)} {COMMANDS[policy.command]} rows where {condition}",
                f"see that this is meant: {_look(facts.schema, policy.table_name)}",
            )
    for part in facts.partitions:
        if part.open_to and part.row_security and part.policies:
            yield CheckWarning(
                f"{part.table_name}.row_security",
                f"{', '.join(part.open_to)} may name partition {part.name} itself, whose own policies hold then: "
                f"{', '.join(part.policies)}",
                f"see that they mean the same: {_look(part.schema_name, part.name)}",
            )


def _enabled(facts: SchemaFacts, table: expected.Table) -> CheckFinding:
    """Enabled, and no policy beside the documented ones that opens the table to anybody from outside."""
    name = f"{facts.home}.{table.name}"
    relation = facts.relation(facts.schema, table.name)
    deviations = []
    if relation is None or not relation.row_security:
        found = "off" if relation else "no such table"
        deviations.append(Deviation(found, f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;"))
    deviations += [
        Deviation(
            f"policy {policy.name} opens it to {', '.join(policy.applies_to)}",
            f"DROP POLICY {identifier(policy.name)} ON {name};",
        )
        for policy in _others(facts)
        if policy.table_name == table.name and policy.permissive and policy.applies_to and _opens(policy)
    ]
    if relation is not None and relation.hidden_from:
        owners = ", ".join(relation.hidden_from)
        deviations.append(
            Deviation(
                f"it applies to {owners} too, as whom the documented functions run, so that they fail",
                f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY; and have table and functions belong to the same role",
            )
        )
    deviations += _bypasses(facts, table)
    return finding_of(f"{table.name}.row_security", "enabled, and opened to nobody from outside", deviations)


def _bypasses(facts: SchemaFacts, table: expected.Table) -> Iterator[Deviation]:
    """Whoever names a partition itself meets its own row-level security, and not that of the table."""
    bare = [part for part in facts.partitions_of(table.name) if part.open_to and not part.row_security]
    if bare:
        people = ", ".join(dict.fromkeys(role for part in bare for role in part.open_to))
        more = f" and {len(bare) - _NAMED} more" if len(bare) > _NAMED else ""
        yield Deviation(
            f"row-level security is off in partition {', '.join(part.name for part in bare[:_NAMED])}{more}, "
            f"which {people} may name directly",
            "\n".join(f"ALTER TABLE {part.full_name} ENABLE ROW LEVEL SECURITY;" for part in bare),
        )


def _policy(facts: SchemaFacts, table: expected.Table, wanted: expected.Policy) -> CheckFinding:
    name = f"{facts.home}.{table.name}"
    clause = _clause(wanted)
    create = f"CREATE POLICY {wanted.name} ON {name} {clause};"
    found = next((p for p in facts.policies if (p.table_name, p.name) == (table.name, wanted.name)), None)
    if found is None:
        deviations = [Deviation("missing", create)]
    else:
        answer = _meaning(wanted, found)
        anew = f"DROP POLICY {wanted.name} ON {name}; {create}"
        if answer is CheckAnswer.UNKNOWN:
            # It may be sound, and replacing it may shut people out.
            anew = f"see whether it means the same: {_look(facts.schema, table.name)}"
        deviations = [] if answer is CheckAnswer.OK else [Deviation(_described(found), anew, answer)]
    return finding_of(f"{table.name}.policy.{wanted.name}", clause, deviations)


def _clause(wanted: expected.Policy) -> str:
    condition = "WITH CHECK (false)" if wanted.command == "a" else "USING (false)"
    if wanted.own_rows:
        condition = "USING (user_id = auth.uid())"
    return f"FOR {COMMANDS[wanted.command]} {condition}"


def _meaning(wanted: expected.Policy, found: catalogue.Policy) -> CheckAnswer:
    if found.command != wanted.command:
        return CheckAnswer.BROKEN
    if not wanted.own_rows:
        # To whom nothing is given does not matter.
        return _denies(found)
    if not found.permissive or "authenticated" not in found.applies_to:
        return CheckAnswer.BROKEN
    return _own_rows(found.using_expression or "false")


def _own_rows(condition: str) -> CheckAnswer:
    """Signed-in users see their rows and nobody from outside sees others; service_role sees all rows anyway."""
    shown = visible_rows(condition)
    if shown.others is RowVisibility.CERTAINLY or shown.own is RowVisibility.NEVER:
        return CheckAnswer.BROKEN
    sound = shown.others is RowVisibility.NEVER and shown.own is RowVisibility.CERTAINLY
    return CheckAnswer.OK if sound else CheckAnswer.UNKNOWN


def _denies(policy: catalogue.Policy) -> CheckAnswer:
    """It neither shows a row to anybody from outside nor accepts one. Without USING nothing is shown."""
    return worst(_shuts(condition) for condition in _conditions(policy))


def _shuts(condition: str) -> CheckAnswer:
    shown = visible_rows(condition)
    if RowVisibility.CERTAINLY in (shown.others, shown.own):
        return CheckAnswer.BROKEN
    return (
        CheckAnswer.OK
        if (shown.others, shown.own) == (RowVisibility.NEVER, RowVisibility.NEVER)
        else CheckAnswer.UNKNOWN
    )


def _opens(policy: catalogue.Policy) -> bool:
    """It certainly shows rows of others, or accepts them."""
    return any(visible_rows(condition).others is RowVisibility.CERTAINLY for condition in _conditions(policy))


def _conditions(policy: catalogue.Policy) -> list[str]:
    return [each for each in (policy.using_expression, policy.check_expression) if each is not None]


def _look(schema: str, table: str) -> str:
    where = f"(schemaname, tablename) = ({literal(schema)}, {literal(table)})"
    return f"SELECT * FROM pg_policies WHERE {where};"  # noqa: S608 - for people


def _others(facts: SchemaFacts) -> Iterator[catalogue.Policy]:
    documented = {(table.name, policy.name) for table in expected.TABLES for policy in table.policies}
    return (policy for policy in facts.policies if (policy.table_name, policy.name) not in documented)


def _described(policy: catalogue.Policy) -> str:
    using = f" USING ({policy.using_expression})" if policy.using_expression else ""
    check = f" WITH CHECK ({policy.check_expression})" if policy.check_expression else ""
    kind = "" if policy.permissive else " restrictive"
    to = ", ".join(policy.applies_to) or "none of anon and authenticated"
    return f"{kind.strip()}{' ' if kind else ''}FOR {COMMANDS[policy.command]} TO {to}{using}{check}"
