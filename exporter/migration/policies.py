"""Judges row-level security by what the policies do, not by what they are called."""

import re
from collections.abc import Iterator

from exporter.migration import catalogue, expected
from exporter.migration.catalogue import Catalogue
from exporter.migration.findings import Answer, Caution, Finding, Trouble, judged

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}

# "user_id is the caller", as PostgreSQL prints it, parentheses and spaces removed; with and without the subquery
# that lets it be computed once (Supabase, "RLS performance and best practices").
_OWN_ROWS = (
    "user_id=auth.uid",
    "auth.uid=user_id",
    "user_id=SELECTauth.uidASuid",
    "SELECTauth.uidASuid=user_id",
)


def judge(facts: Catalogue) -> Iterator[Finding]:
    """Row-level security of each table, and each documented policy."""
    for table in expected.TABLES:
        yield _enabled(facts, table)
        for policy in table.policies:
            yield _policy(facts, table, policy)


def warn(facts: Catalogue) -> Iterator[Caution]:
    """Later policies that let outsiders in under a condition that only people can judge."""
    for policy in _others(facts):
        if policy.permissive and policy.applies_to and not _opens(policy) and not _denies(policy):
            condition = policy.using_expression or policy.check_expression
            yield Caution(
                f"{policy.table_name}.{policy.name}",
                f"lets {', '.join(policy.applies_to)} {COMMANDS[policy.command]} rows where {condition}",
                f"see that this is meant; else DROP POLICY {policy.name} ON {facts.home}.{policy.table_name};",
            )


def _enabled(facts: Catalogue, table: expected.Table) -> Finding:
    """Enabled, and no policy beside the documented ones that opens the table to anybody from outside."""
    name = f"{facts.home}.{table.name}"
    relation = facts.relation(facts.schema, table.name)
    troubles = []
    if relation is None or not relation.row_security:
        found = "off" if relation else "no such table"
        troubles.append(Trouble(found, f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;"))
    troubles += [
        Trouble(
            f"policy {policy.name} opens it to {', '.join(policy.applies_to)}",
            f"DROP POLICY {policy.name} ON {name};",
        )
        for policy in _others(facts)
        if policy.table_name == table.name and policy.permissive and policy.applies_to and _opens(policy)
    ]
    return judged(f"{table.name}.row_security", "enabled, and opened to nobody from outside", troubles)


def _policy(facts: Catalogue, table: expected.Table, wanted: expected.Policy) -> Finding:
    name = f"{facts.home}.{table.name}"
    clause = _clause(wanted)
    create = f"CREATE POLICY {wanted.name} ON {name} {clause};"
    found = next((p for p in facts.policies if (p.table_name, p.name) == (table.name, wanted.name)), None)
    if found is None:
        troubles = [Trouble("missing", create)]
    else:
        answer = _meaning(wanted, found)
        anew = f"DROP POLICY {wanted.name} ON {name}; {create}"
        troubles = [] if answer is Answer.OK else [Trouble(_described(found), anew, answer)]
    return judged(f"{table.name}.policy.{wanted.name}", clause, troubles)


def _clause(wanted: expected.Policy) -> str:
    condition = "WITH CHECK (false)" if wanted.command == "a" else "USING (false)"
    if wanted.own_rows:
        condition = "USING (user_id = auth.uid())"
    return f"FOR {COMMANDS[wanted.command]} {condition}"


def _meaning(wanted: expected.Policy, found: catalogue.Policy) -> Answer:
    if found.command != wanted.command:
        return Answer.BROKEN
    if not wanted.own_rows:
        # To whom nothing is given does not matter.
        return Answer.OK if _denies(found) else Answer.BROKEN
    if not found.permissive or "authenticated" not in found.applies_to:
        return Answer.BROKEN
    return _own_rows(found.using_expression or "")


def _own_rows(condition: str) -> Answer:
    """Only the documented condition is proved; a longer one that contains it can only be judged by people."""
    text = re.sub(r"[()\s]", "", condition)
    if text in _OWN_ROWS:
        return Answer.OK
    understood = any(own in text for own in _OWN_ROWS)
    return Answer.UNKNOWN if understood and not re.search(r"\btrue\b", condition) else Answer.BROKEN


def _denies(policy: catalogue.Policy) -> bool:
    """Neither shows nor accepts a row: every condition that it has is false. Without USING nothing is shown."""
    conditions = {policy.using_expression, policy.check_expression} - {None}
    return conditions == {"false"}


def _opens(policy: catalogue.Policy) -> bool:
    """Shows or accepts every row."""
    return "true" in (policy.using_expression, policy.check_expression)


def _others(facts: Catalogue) -> Iterator[catalogue.Policy]:
    documented = {(table.name, policy.name) for table in expected.TABLES for policy in table.policies}
    return (policy for policy in facts.policies if (policy.table_name, policy.name) not in documented)


def _described(policy: catalogue.Policy) -> str:
    using = f" USING ({policy.using_expression})" if policy.using_expression else ""
    check = f" WITH CHECK ({policy.check_expression})" if policy.check_expression else ""
    kind = "" if policy.permissive else " restrictive"
    to = ", ".join(policy.applies_to) or "none of anon and authenticated"
    return f"{kind.strip()}{' ' if kind else ''}FOR {COMMANDS[policy.command]} TO {to}{using}{check}"
