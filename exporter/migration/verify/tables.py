"""Checks that the tables exist with every documented column, key, reference, check and index."""

import re
from collections.abc import Iterator, Sequence

from exporter.migration import expected
from exporter.migration.expected import ExpectedColumn, ExpectedForeignKey, ExpectedIndex, ExpectedTable
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of
from exporter.migration.sql_text import identifier
from exporter.migration.verify.catalogue import Constraint, FoundColumn, FoundIndex, Relation, SchemaFacts

ON_DELETE = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

_MIGRATION = expected.MIGRATIONS[0].file
_TIME = "timestamp with time zone"
_TEXTS = ("text", "character varying")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
# The ways in which PostgreSQL prints "one of these values": = ANY (ARRAY[...]), or equalities joined by OR.
_ONE_OF = re.compile(
    r"CHECK created_by(::text)? = ANY ARRAY\[(LITERAL(::character varying|::text)*(, )?)+\](::text\[\])?"
    r"|CHECK( OR)?( ?created_by(::text)? = LITERAL(::text)?( OR)?)+"
)


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Existence, columns, primary key, references and indexes of each table, and the check of event sources."""
    for table in expected.TABLES:
        yield _existence(facts, table)
        yield _columns(facts, table)
        yield _primary_key(facts, table)
        for key in table.foreign_keys:
            yield _foreign_key(facts, table, key)
        for index in table.indexes:
            yield _index(facts, table, index)
    yield _sources(facts)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """No index for queries about the last hour; a further column that the RPC may not fill."""
    events = [index for index in facts.indexes if index.table_name == "fsm_events"]
    usable = [index for index in events if index.usable and index.ordered and index.predicate is None]
    if events and not any(index.columns[:1] == ["created_at"] for index in usable):
        yield CheckWarning(
            "fsm_events",
            "no index begins with created_at: every query about the last hour reads the whole table",
            _create_index(facts, "fsm_events", "idx_fsm_events_created", "(created_at)"),
        )
    known = {(table.name, column.name) for table in expected.TABLES for column in table.columns}
    for column in facts.columns:
        further = (column.table_name, column.name) not in known
        if further and not column.nullable and column.default_expression is None:
            change = f"ALTER TABLE {facts.full_name(column.table_name)} ALTER COLUMN {identifier(column.name)}"
            yield CheckWarning(
                f"{column.table_name}.{column.name}",
                "a further column that must be filled: an RPC that does not fill it fails",
                f"{change} SET DEFAULT ...; or check that the RPC fills it (outbox-exporter smoke)",
            )


def normalized(expression: str | None) -> str:
    """An expression with single spaces and without parentheses, in which server versions differ."""
    return " ".join(re.sub(r"[()]", "", expression or "").split())


def _existence(facts: SchemaFacts, table: ExpectedTable) -> CheckFinding:
    relation = facts.relation(facts.schema, table.name)
    deviations = []
    if relation is None:
        deviations.append(Deviation("missing", f"apply {_MIGRATION}"))
    elif relation.kind not in ("r", "p"):
        deviations.append(Deviation(f"not a table (relkind {relation.kind})", f"find out what replaced {table.name}"))
    else:
        deviations += _not_permanent(facts, relation)
    return finding_of(f"{table.name}.table", f"table {facts.full_name(table.name)}", deviations)


def _not_permanent(facts: SchemaFacts, relation: Relation) -> Iterator[Deviation]:
    """A server crash empties an unlogged table, and a standby never has its rows."""
    parts = [(part.full_name, part.persistence) for part in facts.partitions_of(relation.table_name)]
    for name, persistence in ((facts.full_name(relation.table_name), relation.persistence), *parts):
        if persistence == "u":
            yield Deviation(f"{name} is UNLOGGED: a crash empties it", f"ALTER TABLE {name} SET LOGGED;")
        elif persistence != "p":
            yield Deviation(f"{name} is temporary: it is dropped with its session", f"apply {_MIGRATION}")


def _columns(facts: SchemaFacts, table: ExpectedTable) -> CheckFinding:
    existing = {column.name: column for column in facts.columns if column.table_name == table.name}
    deviations = (
        deviation for column in table.columns for deviation in _column(facts, table, column, existing.get(column.name))
    )
    names = ", ".join(column.name for column in table.columns)
    return finding_of(f"{table.name}.columns", f"{names} with documented type, default and nullability", deviations)


def _column(
    facts: SchemaFacts, table: ExpectedTable, wanted: ExpectedColumn, found: FoundColumn | None
) -> Iterator[Deviation]:
    name, full = wanted.name, facts.full_name(table.name)
    if found is None:
        yield Deviation(f"{name} is missing", f"apply {_MIGRATION}, or restore the column {full}.{name}")
        return
    change = f"ALTER TABLE {full} ALTER COLUMN {name}"
    if found.type != wanted.type:
        relation = facts.relation(facts.schema, table.name)
        is_key = relation is not None and name in relation.partition_key
        replacement = (
            f"no statement converts a partition key: create {full} again with {name} {wanted.type} and move its rows"
        )
        remedy = replacement if is_key else _conversion(change, wanted, found)
        yield Deviation(f"{name} is {found.type}, not {wanted.type}", remedy)
    if found.nullable != wanted.nullable:
        word, act = ("may be NULL", "SET") if found.nullable else ("may not be NULL", "DROP")
        yield Deviation(f"{name} {word}", f"{change} {act} NOT NULL;")
    if not found.nullable and not wanted.nullable:
        yield from _nulls_from_before(facts, table, name)
    yield from _default(change, wanted, found.default_expression)


def _nulls_from_before(facts: SchemaFacts, table: ExpectedTable, column: str) -> Iterator[Deviation]:
    """A NOT NULL constraint that is not validated says nothing about older rows."""
    for con in _constraints(facts, table.name, "n"):
        if con.columns == [column]:
            yield Deviation(
                f"{column} may be NULL in rows from before {con.name}, which is not validated",
                f"ALTER TABLE {facts.full_name(table.name)} VALIDATE CONSTRAINT {identifier(con.name)};",
            )


def _default(change: str, wanted: ExpectedColumn, found: str | None) -> Iterator[Deviation]:
    if not _same_default(wanted, found):
        default = wanted.default[0] if wanted.default else "none"
        # Spellings have no parentheses.
        call = re.sub(r"\b(now|gen_random_uuid)\b", r"\1()", default)
        act = f"SET DEFAULT {call}" if wanted.default else "DROP DEFAULT"
        yield Deviation(f"{wanted.name} has {found or 'no default'}, not {default}", f"{change} {act};")


def _conversion(change: str, wanted: ExpectedColumn, found: FoundColumn) -> str:
    """A time without a time zone can be converted only when its zone is known."""
    if wanted.type == _TIME and re.fullmatch(r"timestamp(\(\d\))? without time zone", found.type):
        return (
            f"{change} TYPE {wanted.type} USING {wanted.name} AT TIME ZONE '<zone>';\n"
            "-- <zone>: the time zone in which its values were written, such as UTC; check some of them first"
        )
    if found.type in _TEXTS and wanted.type in ("uuid", "jsonb", "integer", _TIME):
        return f"{change} TYPE {wanted.type} USING {wanted.name}::{wanted.type};"
    return f"{change} TYPE {wanted.type};"


def _same_default(wanted: ExpectedColumn, found: str | None) -> bool:
    text = normalized(found)
    if not wanted.default:
        return not text or text.split("::", maxsplit=1)[0] == "NULL"
    return text in wanted.default


def _primary_key(facts: SchemaFacts, table: ExpectedTable) -> CheckFinding:
    """The key of a partitioned table has to contain the columns of its partition key.

    So it does not make the first column unique. A random id is unique all the same; an idempotency key is not: the same
    request would be processed twice.
    """
    column, relation = table.columns[0], facts.relation(facts.schema, table.name)
    extra = [name for name in relation.partition_key if name != column.name] if relation else []
    names = [column.name, *(extra if column.default == expected.RANDOM_UUID else ())]
    keys = [con.columns for con in _constraints(facts, table.name, "p")]
    clause = f"PRIMARY KEY ({', '.join(names)})"
    remedy = f"ALTER TABLE {facts.full_name(table.name)} ADD {clause};"
    if extra and extra != names[1:]:
        remedy = (
            f"partition {facts.full_name(table.name)} by {column.name} or not at all: otherwise no {clause} is possible"
        )
    found = f"on {', '.join(keys[0])}" if keys else "missing"
    deviations = [] if any(set(key) == set(names) for key in keys) else [Deviation(found, remedy)]
    return finding_of(f"{table.name}.primary_key", clause, deviations)


def _foreign_key(facts: SchemaFacts, table: ExpectedTable, wanted: ExpectedForeignKey) -> CheckFinding:
    name, schema = facts.full_name(table.name), wanted.schema or facts.schema
    parent = identifier(schema, wanted.table)
    clause = f"FOREIGN KEY ({wanted.column}) REFERENCES {parent} (id) ON DELETE {ON_DELETE[wanted.on_delete]}"
    keys = [con for con in _constraints(facts, table.name, "f") if con.columns == [wanted.column]]
    deviations = [deviation for key in keys for deviation in _reference(name, key, wanted, schema, clause)]
    # The triggers of a foreign key belong to each partition.
    disabled = (part.full_name for part in facts.partitions_of(table.name) if not part.fires)
    deviations += [
        Deviation(f"its triggers are disabled in {part}", f"ALTER TABLE {part} ENABLE TRIGGER ALL;")
        for part in disabled
    ]
    if not keys:
        deviations = [Deviation("missing", f"ALTER TABLE {name} ADD {clause};")]
    return finding_of(f"{table.name}.{wanted.column}.foreign_key", clause, deviations)


def _reference(
    table: str, key: Constraint, wanted: ExpectedForeignKey, schema: str, clause: str
) -> Iterator[Deviation]:
    """Every foreign key of the column counts: one that restricts stops the cascade of another."""
    name = identifier(key.name)
    replacement = f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {clause};"
    if (key.parent_schema, key.parent_table, key.parent_columns) != (schema, wanted.table, ["id"]):
        target = f"{key.parent_schema}.{key.parent_table} ({', '.join(key.parent_columns)})"
        yield Deviation(f"{key.name} refers to {target}", replacement)
    if key.on_delete != wanted.on_delete:
        yield Deviation(f"{key.name} has ON DELETE {ON_DELETE.get(key.on_delete or '', '?')}", replacement)
    if not key.enforced:
        # Enforcing it validates it, too (PostgreSQL documentation, "ALTER TABLE").
        yield Deviation(f"{key.name} is NOT ENFORCED", f"ALTER TABLE {table} ALTER CONSTRAINT {name} ENFORCED;")
    elif not key.valid:
        yield Deviation(f"{key.name} is not valid", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};")
    if not key.fires:
        parent = identifier(schema, wanted.table)
        tables = f"ALTER TABLE {table} ENABLE TRIGGER ALL; ALTER TABLE {parent} ENABLE TRIGGER ALL;"
        yield Deviation(f"{key.name} is not in force: its triggers are disabled", tables)


def _index(facts: SchemaFacts, table: ExpectedTable, wanted: ExpectedIndex) -> CheckFinding:
    where = f" WHERE {wanted.predicate}" if wanted.predicate else ""
    over = f"({', '.join(wanted.columns)}){where}"
    create = _create_index(facts, table.name, wanted.name, over)
    same = [index for index in facts.indexes if index.table_name == table.name and _serves(index, wanted)]
    named = next((i for i in facts.indexes if i.table_name == table.name and i.name == wanted.name), None)
    good = next((index for index in same if index.usable), None)
    deviations = []
    if good is None:
        how = "" if facts.is_partitioned(table.name) else "CONCURRENTLY "
        replacement = f"DROP INDEX {how}{facts.full_name(wanted.name)}; {create}"
        if named is None:
            deviations.append(Deviation("missing", create))
        elif named.usable:
            deviations.append(Deviation(f"another index of that name: {_described(named)}", replacement))
        else:
            partial = "a partition lacks it" if facts.is_partitioned(table.name) else "building it did not finish"
            deviations.append(Deviation(f"not valid: {partial}", replacement))
    found = "as expected" if good is None or good.name == wanted.name else f"as {good.name}"
    return finding_of(wanted.name, f"index on {facts.full_name(table.name)} {over}", deviations, found)


def _create_index(facts: SchemaFacts, table: str, name: str, over: str) -> str:
    """The index of a partitioned table cannot be built concurrently; it adopts existing indexes of its partitions."""
    if not facts.is_partitioned(table):
        return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {facts.full_name(table)} {over};"
    return (
        f"CREATE INDEX IF NOT EXISTS {name} ON {facts.full_name(table)} {over};\n"
        "-- writers wait while it is built, unless each partition has such an index already (CREATE INDEX CONCURRENTLY)"
    )


def _serves(index: FoundIndex, wanted: ExpectedIndex) -> bool:
    """The direction does not matter: a btree is scanned in both directions."""
    same_predicate = normalized(index.predicate) == (wanted.predicate or "")
    return index.ordered and tuple(index.columns) == wanted.columns and same_predicate


def _described(index: FoundIndex) -> str:
    where = f" WHERE {normalized(index.predicate)}" if index.predicate else ""
    return f"({', '.join(column or 'expression' for column in index.columns)}){where}"


def _sources(facts: SchemaFacts) -> CheckFinding:
    """The same meaning in a spelling that is not parsed is unknown; a check of other values is broken."""
    wanted = set(expected.SOURCES)
    check, clause = "fsm_events.created_by.check", f"CHECK (created_by IN ({str(expected.SOURCES)[1:-1]}))"
    found = [con for con in _constraints(facts, "fsm_events", "c") if con.columns == ["created_by"]]
    correct = [con for con in found if _admitted(con) == wanted]
    if any(con.valid for con in correct):
        return finding_of(check, clause, ())
    texts = ", ".join(f"{con.definition}{'' if con.valid else ' (not in force)'}" for con in found)
    not_parsed = any(
        con.valid and _admitted(con) is None and wanted <= set(re.findall(r"\w+", con.definition or ""))
        for con in found
    )
    answer = CheckAnswer.UNKNOWN if not_parsed else CheckAnswer.BROKEN
    remedy = _check_remedy(facts.full_name("fsm_events"), clause, correct)
    return finding_of(check, clause, (Deviation(texts or "missing", remedy, answer),))


def _check_remedy(table: str, clause: str, correct: Sequence[Constraint]) -> str:
    """Puts a correct check in force if there is one, and adds one otherwise."""
    if not correct:
        return f"ALTER TABLE {table} ADD {clause};"
    name = identifier(correct[0].name)
    if correct[0].enforced:
        return f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};"
    return f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {clause};"


def _admitted(con: Constraint) -> set[str] | None:
    """The values that a check admits; None for a form that is not understood."""
    text = re.sub(r"( NOT VALID| NOT ENFORCED)+$", "", normalized(con.definition))
    return set(_LITERAL.findall(text)) if _ONE_OF.fullmatch(_LITERAL.sub("LITERAL", text)) else None


def _constraints(facts: SchemaFacts, table: str, kind: str) -> list[Constraint]:
    return [con for con in facts.constraints if con.table_name == table and con.kind == kind]
