"""Checks row-level security by the rows that the policies show, whatever their names are."""

from collections.abc import Iterator

from exporter.migration import expected
from exporter.migration.expected import ExpectedPolicy, ExpectedTable
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of, worst
from exporter.migration.sql_text import identifier, literal
from exporter.migration.verify.catalogue import FoundPolicy, SchemaFacts
from exporter.migration.verify.conditions import ConditionVisibility, RowVisibility, visible_rows

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}

_OWN_ROWS = ConditionVisibility(own=RowVisibility.CERTAINLY, others=RowVisibility.NEVER)
_NO_ROWS = ConditionVisibility(own=RowVisibility.NEVER, others=RowVisibility.NEVER)

# The number of partitions that a message names.
_NAMED = 3


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """One finding per table, and one per documented policy."""
    for table in expected.TABLES:
        yield _enabled(facts, table)
        for policy in table.policies:
            yield _policy(facts, table, policy)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """Further policies that admit outsiders under a condition that only people can judge."""
    for policy in _others(facts):
        if policy.permissive and policy.applies_to and not _opens(policy) and _denies(policy) is not CheckAnswer.OK:
            condition = policy.using_expression or policy.check_expression
            yield CheckWarning(
                f"{policy.table_name}.{policy.name}",
                f"lets {', '.join(policy.applies_to)} {COMMANDS[policy.command]} rows where {condition}",
                f"check that this is intended: {_policies_query(facts.schema, policy.table_name)}",
            )
    for part in facts.partitions:
        if part.open_to and part.row_security and part.policies:
            yield CheckWarning(
                f"{part.table_name}.row_security",
                f"{', '.join(part.open_to)} may name partition {part.name} directly; its own policies apply then: "
                f"{', '.join(part.policies)}",
                f"check that they mean the same: {_policies_query(part.schema_name, part.name)}",
            )


def _enabled(facts: SchemaFacts, table: ExpectedTable) -> CheckFinding:
    """Enabled, and no further policy opens the table to outsiders."""
    name = facts.full_name(table.name)
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
                f"it applies to {owners} too; the documented functions run as that role and fail",
                f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY; and have table and functions belong to the same role",
            )
        )
    deviations += _bypasses(facts, table)
    return finding_of(f"{table.name}.row_security", "enabled, and open to no outsider", deviations)


def _bypasses(facts: SchemaFacts, table: ExpectedTable) -> Iterator[Deviation]:
    """A query that names a partition directly is subject to the row-level security of the partition only."""
    unprotected = [part for part in facts.partitions_of(table.name) if part.open_to and not part.row_security]
    if unprotected:
        roles = ", ".join(dict.fromkeys(role for part in unprotected for role in part.open_to))
        more = f" and {len(unprotected) - _NAMED} more" if len(unprotected) > _NAMED else ""
        yield Deviation(
            f"row-level security is off in partition {', '.join(part.name for part in unprotected[:_NAMED])}{more}, "
            f"which {roles} may name directly",
            "\n".join(f"ALTER TABLE {part.full_name} ENABLE ROW LEVEL SECURITY;" for part in unprotected),
        )


def _policy(facts: SchemaFacts, table: ExpectedTable, wanted: ExpectedPolicy) -> CheckFinding:
    name = facts.full_name(table.name)
    condition = "WITH CHECK (false)" if wanted.command == "a" else "USING (false)"
    clause = f"FOR {COMMANDS[wanted.command]} {'USING (user_id = auth.uid())' if wanted.own_rows else condition}"
    create = f"CREATE POLICY {wanted.name} ON {name} {clause};"
    found = next((p for p in facts.policies if (p.table_name, p.name) == (table.name, wanted.name)), None)
    if found is None:
        deviations = [Deviation("missing", create)]
    else:
        answer = _meaning(wanted, found)
        remedy = f"DROP POLICY {wanted.name} ON {name}; {create}"
        if answer is CheckAnswer.UNKNOWN:
            # It may be correct, and replacing it may lock users out.
            remedy = f"check whether it means the same: {_policies_query(facts.schema, table.name)}"
        deviations = [] if answer is CheckAnswer.OK else [Deviation(_described(found), remedy, answer)]
    return finding_of(f"{table.name}.policy.{wanted.name}", clause, deviations)


def _meaning(wanted: ExpectedPolicy, found: FoundPolicy) -> CheckAnswer:
    if found.command != wanted.command:
        return CheckAnswer.BROKEN
    if not wanted.own_rows:
        return _denies(found)
    if not found.permissive or "authenticated" not in found.applies_to:
        return CheckAnswer.BROKEN
    # Signed-in users see their own rows, and outsiders no others; service_role sees all rows anyway.
    shown = visible_rows(found.using_expression or "false")
    if shown.others is RowVisibility.CERTAINLY or shown.own is RowVisibility.NEVER:
        return CheckAnswer.BROKEN
    return CheckAnswer.OK if shown == _OWN_ROWS else CheckAnswer.UNKNOWN


def _denies(policy: FoundPolicy) -> CheckAnswer:
    """It neither shows a row to outsiders nor accepts one. Without USING nothing is shown."""
    return worst(map(_shows_nothing, _conditions(policy)))


def _shows_nothing(condition: str) -> CheckAnswer:
    shown = visible_rows(condition)
    if RowVisibility.CERTAINLY in (shown.others, shown.own):
        return CheckAnswer.BROKEN
    return CheckAnswer.OK if shown == _NO_ROWS else CheckAnswer.UNKNOWN


def _opens(policy: FoundPolicy) -> bool:
    """It certainly shows or accepts rows of others."""
    return any(visible_rows(condition).others is RowVisibility.CERTAINLY for condition in _conditions(policy))


def _conditions(policy: FoundPolicy) -> list[str]:
    return [each for each in (policy.using_expression, policy.check_expression) if each is not None]


def _policies_query(schema: str, table: str) -> str:
    where = f"(schemaname, tablename) = ({literal(schema)}, {literal(table)})"
    return f"SELECT * FROM pg_policies WHERE {where};"  # noqa: S608 - for people


def _others(facts: SchemaFacts) -> Iterator[FoundPolicy]:
    documented = {(table.name, policy.name) for table in expected.TABLES for policy in table.policies}
    return (policy for policy in facts.policies if (policy.table_name, policy.name) not in documented)


def _described(policy: FoundPolicy) -> str:
    using = f" USING ({policy.using_expression})" if policy.using_expression else ""
    check = f" WITH CHECK ({policy.check_expression})" if policy.check_expression else ""
    kind = "" if policy.permissive else "restrictive "
    to = ", ".join(policy.applies_to) or "none of anon and authenticated"
    return f"{kind}FOR {COMMANDS[policy.command]} TO {to}{using}{check}"
