"""Judges the tables: are they there, with every documented column, key, reference, check and index?"""

import re
from collections.abc import Iterable, Iterator, Sequence

from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of
from exporter.migration.verify import catalogue
from exporter.migration.verify.catalogue import SchemaFacts

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
    """Existence, columns, primary key, references, check and indexes of the three tables."""
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
    """What works and could be better: an index that watching profits from, a column that nobody fills."""
    events = [index for index in facts.indexes if index.table_name == "fsm_events"]
    if events and not any(_leads_with(index, "created_at") for index in events):
        yield CheckWarning(
            "fsm_events",
            "no index begins with created_at: every question about the last hour reads the whole table",
            _create_index(facts, "fsm_events", "idx_fsm_events_created", "(created_at)"),
        )
    known = {(table.name, column.name) for table in expected.TABLES for column in table.columns}
    for column in facts.columns:
        later = (column.table_name, column.name) not in known
        if later and not column.nullable and column.default_expression is None:
            yield CheckWarning(
                f"{column.table_name}.{column.name}",
                "a later column that must be filled: an RPC that does not know it fails",
                f"ALTER TABLE {facts.home}.{column.table_name} ALTER COLUMN {identifier(column.name)} SET DEFAULT ...; "
                "or see that the RPC fills it (outbox-exporter smoke)",
            )


def bare(expression: str | None) -> str:
    """An expression without its parentheses, which come and go with versions, and with single spaces."""
    return " ".join(re.sub(r"[()]", "", expression or "").split())


def _existence(facts: SchemaFacts, table: expected.Table) -> CheckFinding:
    relation = facts.relation(facts.schema, table.name)
    deviations = []
    if relation is None:
        deviations.append(Deviation("missing", f"apply {_MIGRATION}"))
    elif not relation.is_table:
        deviations.append(Deviation(f"not a table (relkind {relation.kind})", f"find out what replaced {table.name}"))
    else:
        deviations += _volatile(facts, relation)
    return finding_of(f"{table.name}.table", f"table {facts.home}.{table.name}", deviations)


def _volatile(facts: SchemaFacts, relation: catalogue.Relation) -> Iterator[Deviation]:
    """A crash of the server empties an unlogged table, and a standby never has its rows."""
    parts = [(part.full_name, part.persistence) for part in facts.partitions_of(relation.table_name)]
    for name, persistence in ((f"{facts.home}.{relation.table_name}", relation.persistence), *parts):
        if persistence == "u":
            yield Deviation(f"{name} is UNLOGGED: a crash empties it", f"ALTER TABLE {name} SET LOGGED;")
        elif persistence != "p":
            yield Deviation(f"{name} is temporary: it goes with its session", f"apply {_MIGRATION}")


def _columns(facts: SchemaFacts, table: expected.Table) -> CheckFinding:
    there = {column.name: column for column in facts.columns if column.table_name == table.name}
    deviations = (
        deviation for column in table.columns for deviation in _column(facts, table, column, there.get(column.name))
    )
    names = ", ".join(column.name for column in table.columns)
    return finding_of(f"{table.name}.columns", f"{names} with documented type, default and nullability", deviations)


def _column(
    facts: SchemaFacts, table: expected.Table, wanted: expected.Column, found: catalogue.Column | None
) -> Iterator[Deviation]:
    name, full = wanted.name, f"{facts.home}.{table.name}"
    if found is None:
        yield Deviation(f"{name} is missing", f"apply {_MIGRATION}, or restore the column {full}.{name}")
        return
    change = f"ALTER TABLE {full} ALTER COLUMN {name}"
    if found.type != wanted.type:
        relation = facts.relation(facts.schema, table.name)
        is_key = relation is not None and name in relation.partition_key
        anew = f"no statement converts a partition key: make {full} anew with {name} {wanted.type} and move its rows"
        remedy = anew if is_key else _conversion(change, wanted, found)
        yield Deviation(f"{name} is {found.type}, not {wanted.type}", remedy)
    if found.nullable != wanted.nullable:
        word, act = ("may be NULL", "SET") if found.nullable else ("may not be NULL", "DROP")
        yield Deviation(f"{name} {word}", f"{change} {act} NOT NULL;")
    for con in _constraints(facts, table.name, "n"):
        if con.columns == [name] and not found.nullable and not wanted.nullable:
            yield Deviation(
                f"{name} may be NULL in rows from before {con.name}, which is not validated",
                f"ALTER TABLE {full} VALIDATE CONSTRAINT {identifier(con.name)};",
            )
    if not _same_default(wanted, found.default_expression):
        has = found.default_expression or "no default"
        act = f"SET DEFAULT {_written(wanted.default[0])}" if wanted.default else "DROP DEFAULT"
        yield Deviation(f"{name} has {has}, not {wanted.default[0] if wanted.default else 'none'}", f"{change} {act};")


def _conversion(change: str, wanted: expected.Column, found: catalogue.Column) -> str:
    """A time without a zone is no moment before somebody says in which zone it was written."""
    if wanted.type == _TIME and re.fullmatch(r"timestamp(\(\d\))? without time zone", found.type):
        return (
            f"{change} TYPE {wanted.type} USING {wanted.name} AT TIME ZONE '<zone>';\n"
            "-- <zone>: the time zone in which its values were written, such as UTC; look at some of them first"
        )
    if found.type in _TEXTS and wanted.type in ("uuid", "jsonb", "integer", _TIME):
        return f"{change} TYPE {wanted.type} USING {wanted.name}::{wanted.type};"
    return f"{change} TYPE {wanted.type};"


def _same_default(wanted: expected.Column, found: str | None) -> bool:
    text = bare(found)
    if not wanted.default:
        return not text or text.split("::", maxsplit=1)[0] == "NULL"
    return text in wanted.default


def _written(default: str) -> str:
    """A spelling without parentheses as one writes it."""
    return re.sub(r"\b(now|gen_random_uuid)\b", r"\1()", default)


def _primary_key(facts: SchemaFacts, table: expected.Table) -> CheckFinding:
    """The key of a partitioned table has to contain the columns of its partition key.

    So it no longer makes the first column unique. An id that is drawn at random is so all the same; an idempotency key
    is not: the same request would be answered twice.
    """
    column, relation = table.columns[0], facts.relation(facts.schema, table.name)
    extra = [name for name in relation.partition_key if name != column.name] if relation else []
    names = [column.name, *(extra if column.default == expected.RANDOM_UUID else ())]
    keys = [con.columns for con in _constraints(facts, table.name, "p")]
    clause = f"PRIMARY KEY ({', '.join(names)})"
    remedy = f"ALTER TABLE {facts.home}.{table.name} ADD {clause};"
    if extra and extra != names[1:]:
        remedy = f"partition {facts.home}.{table.name} by {column.name}, or not at all: else no {clause} is possible"
    deviations = [] if any(set(key) == set(names) for key in keys) else [Deviation(_keys(keys), remedy)]
    return finding_of(f"{table.name}.primary_key", clause, deviations)


def _keys(keys: Sequence[Sequence[str]]) -> str:
    return f"on {', '.join(keys[0])}" if keys else "missing"


def _foreign_key(facts: SchemaFacts, table: expected.Table, wanted: expected.ForeignKey) -> CheckFinding:
    schema = wanted.schema or facts.schema
    action = ON_DELETE[wanted.on_delete]
    parent = identifier(schema, wanted.table)
    clause = f"FOREIGN KEY ({wanted.column}) REFERENCES {parent} (id) ON DELETE {action}"
    keys = [con for con in _constraints(facts, table.name, "f") if con.columns == [wanted.column]]
    deviations: Iterable[Deviation] = (
        *(
            deviation
            for key in keys
            for deviation in _reference(f"{facts.home}.{table.name}", key, wanted, schema, clause)
        ),
        *_switched_off(facts, table),
    )
    if not keys:
        deviations = (Deviation("missing", f"ALTER TABLE {facts.home}.{table.name} ADD {clause};"),)
    return finding_of(f"{table.name}.{wanted.column}.foreign_key", clause, deviations)


def _switched_off(facts: SchemaFacts, table: expected.Table) -> Iterator[Deviation]:
    """A partition has the triggers of its own references."""
    for part in facts.partitions_of(table.name):
        if not part.fires:
            name = part.full_name
            yield Deviation(f"its triggers are disabled in {name}", f"ALTER TABLE {name} ENABLE TRIGGER ALL;")


def _reference(
    table: str, key: catalogue.Constraint, wanted: expected.ForeignKey, schema: str, clause: str
) -> Iterator[Deviation]:
    """A second reference from the same column counts too: one that restricts stops the cascade of the other."""
    name = identifier(key.name)
    anew = f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {clause};"
    if (key.parent_schema, key.parent_table, key.parent_columns) != (schema, wanted.table, ["id"]):
        target = f"{key.parent_schema}.{key.parent_table} ({', '.join(key.parent_columns)})"
        yield Deviation(f"{key.name} refers to {target}", anew)
    if key.on_delete != wanted.on_delete:
        yield Deviation(f"{key.name} has ON DELETE {ON_DELETE.get(key.on_delete or '', '?')}", anew)
    if not key.enforced:
        # Enforced again it is validated, too (PostgreSQL documentation, "ALTER TABLE").
        yield Deviation(f"{key.name} is NOT ENFORCED", f"ALTER TABLE {table} ALTER CONSTRAINT {name} ENFORCED;")
    elif not key.valid:
        yield Deviation(f"{key.name} is not valid", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};")
    if not key.fires:
        parent = identifier(schema, wanted.table)
        tables = f"ALTER TABLE {table} ENABLE TRIGGER ALL; ALTER TABLE {parent} ENABLE TRIGGER ALL;"
        yield Deviation(f"{key.name} is switched off: its triggers are disabled", tables)


def _index(facts: SchemaFacts, table: expected.Table, wanted: expected.Index) -> CheckFinding:
    where = f" WHERE {wanted.predicate}" if wanted.predicate else ""
    over = f"({', '.join(wanted.columns)}){where}"
    create = _create_index(facts, table.name, wanted.name, over)
    same = [index for index in facts.indexes if index.table_name == table.name and _serves(index, wanted)]
    named = next((i for i in facts.indexes if i.table_name == table.name and i.name == wanted.name), None)
    good = next((index for index in same if index.usable), None)
    deviations = []
    if good is None:
        how = "" if _is_partitioned(facts, table.name) else "CONCURRENTLY "
        anew = f"DROP INDEX {how}{facts.home}.{wanted.name}; {create}"
        if named is None:
            deviations.append(Deviation("missing", create))
        elif named.usable:
            deviations.append(Deviation(f"another index of that name: {_described(named)}", anew))
        else:
            partial = "some partition lacks it" if _is_partitioned(facts, table.name) else "building it did not finish"
            deviations.append(Deviation(f"not valid: {partial}", anew))
    found = "as expected" if good is None or good.name == wanted.name else f"as {good.name}"
    return finding_of(wanted.name, f"index on {facts.home}.{table.name} {over}", deviations, found)


def _create_index(facts: SchemaFacts, table: str, name: str, over: str) -> str:
    """A partitioned table's index cannot be built beside its writers; it adopts those that its partitions have."""
    if not _is_partitioned(facts, table):
        return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {facts.home}.{table} {over};"
    return (
        f"CREATE INDEX IF NOT EXISTS {name} ON {facts.home}.{table} {over};\n"
        "-- writers wait while it is built, unless each partition has such an index already (CREATE INDEX CONCURRENTLY)"
    )


def _is_partitioned(facts: SchemaFacts, table: str) -> bool:
    relation = facts.relation(facts.schema, table)
    return relation is not None and relation.is_partitioned


def _serves(index: catalogue.Index, wanted: expected.Index) -> bool:
    """The direction does not matter: a btree is read both ways."""
    same_predicate = bare(index.predicate) == (wanted.predicate or "")
    return index.ordered and tuple(index.columns) == wanted.columns and same_predicate


def _described(index: catalogue.Index) -> str:
    where = f" WHERE {bare(index.predicate)}" if index.predicate else ""
    return f"({', '.join(column or 'expression' for column in index.columns)}){where}"


def _leads_with(index: catalogue.Index, column: str) -> bool:
    return index.usable and index.ordered and index.predicate is None and index.columns[:1] == [column]


def _sources(facts: SchemaFacts) -> CheckFinding:
    """Equal meaning in a spelling that we do not read is unknown; a check about anything else is none at all."""
    checks = [con for con in _constraints(facts, "fsm_events", "c") if con.columns == ["created_by"]]
    clause = f"CHECK (created_by IN ({', '.join(repr(source) for source in expected.SOURCES)}))"
    if any(_admits(con) == set(expected.SOURCES) and con.valid for con in checks):
        return finding_of("fsm_events.created_by.check", clause, ())
    texts = ", ".join(f"{con.definition}{'' if con.valid else ' (not in force)'}" for con in checks)
    remedy = _check_remedy(f"{facts.home}.fsm_events", clause, checks)
    unread = any(con.valid and _mentions_all(con) and _admits(con) is None for con in checks)
    answer = CheckAnswer.UNKNOWN if unread else CheckAnswer.BROKEN
    deviation = Deviation(texts or "missing", remedy, answer)
    return finding_of("fsm_events.created_by.check", clause, (deviation,))


def _check_remedy(table: str, clause: str, checks: Sequence[catalogue.Constraint]) -> str:
    """The right check that is not in force is put in force; else there is to be one."""
    right = next((con for con in checks if _admits(con) == set(expected.SOURCES)), None)
    if right is None:
        return f"ALTER TABLE {table} ADD {clause};"
    name = identifier(right.name)
    if right.enforced:
        return f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};"
    return f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {clause};"


def _admits(con: catalogue.Constraint) -> set[str] | None:
    """The values that a check admits, None for a form that is not understood."""
    text = re.sub(r"( NOT VALID| NOT ENFORCED)+$", "", bare(con.definition))
    return set(_LITERAL.findall(text)) if _ONE_OF.fullmatch(_LITERAL.sub("LITERAL", text)) else None


def _mentions_all(con: catalogue.Constraint) -> bool:
    words: Sequence[str] = re.findall(r"\w+", con.definition or "")
    return set(expected.SOURCES) <= set(words)


def _constraints(facts: SchemaFacts, table: str, kind: str) -> list[catalogue.Constraint]:
    return [con for con in facts.constraints if con.table_name == table and con.kind == kind]
