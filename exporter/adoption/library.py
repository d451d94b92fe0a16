"""Tables of known libraries: a profile fits when its table has every column of the profile, of a fitting type."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from exporter.adoption import words
from exporter.adoption.catalogue import INTEGERS, NUMBERS, TIMES, Relation
from exporter.adoption.proposal import Proposal
from exporter.database import relations as placeholders
from exporter.database.statuses import listed
from exporter.database.visibility import Table
from exporter.outbox import profiles
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from exporter.outbox.profiles import Profile

_ID = "id"


def known() -> Iterator[Profile]:
    """Every profile, the default one first."""
    yield Profile("default", "outbox-exporter's own tables", "", "library", "", DEFAULT)
    yield from map(profiles.load, profiles.names())


def proposals(relations: Iterable[Relation], *, timestamp_zone: str = "") -> Iterator[Proposal]:
    """A proposal for each table that a profile fits, or nearly fits. `timestamp_zone` is the configured one."""
    by_name = {(relation.schema, relation.name): relation for relation in relations}
    for profile in known():
        for relation in by_name.values():
            if relation.is_table and (found := _proposal(profile, relation, by_name, timestamp_zone)):
                yield found


def belongs(relation: Relation, proposal: Proposal) -> bool:
    """Whether a table is another one of a library that was recognised, by its schema or its name's beginning."""
    own = proposal.relation
    if proposal.profile in {"", "default"} or relation.schema != own.schema:
        return False
    mapping = profiles.load(proposal.profile).mapping
    ours, theirs = words.words(own.name), words.words(relation.name)
    return bool(mapping.schema) or (words.is_special(mapping.table) and ours[:1] == theirs[:1])


def _proposal(
    profile: Profile, relation: Relation, by_name: Mapping[tuple[str, str], Relation], configured: str
) -> Proposal | None:
    mapping = _named(profile.mapping, relation)
    if mapping is None:
        return None
    wanted = placeholders.reads(mapping, *placeholders.RELATIONS)
    problems = [problem for table in wanted for problem in _problems(table, by_name.get((relation.schema, table.name)))]
    problems += _unknown_values(mapping, relation)
    # The tables show no version of the library.
    tested = f", tested with version {profile.version}" if profile.version else ""
    if problems and (relation.name != profile.mapping.table or not _is_near(wanted[0], relation)):
        return None
    columns = sum(len(table.columns) for table in wanted)
    zone, undecided = _zone(profile, wanted, by_name, relation.schema, configured)
    if problems:
        undecided = (f"{'; '.join(problems)}: another version than {profile.title} {profile.version}?",)
    return Proposal(
        relation,
        f"{profile.title}{tested}",
        None if problems else mapping,
        profile.name,
        zone,
        proved=(f"all {columns} columns of the profile are there, of fitting types",),
        undecided=undecided,
    )


def _named(mapping: OutboxMapping, relation: Relation) -> OutboxMapping | None:
    """The mapping with the names of this database: the table's name may have a prefix, as may those beside it."""
    if not relation.name.endswith(mapping.table):
        return None
    prefix = relation.name.removesuffix(mapping.table)
    if prefix and not prefix.endswith("_") and not words.is_special(mapping.table):
        return None
    return replace(
        mapping,
        schema=relation.schema,
        table=relation.name,
        events_table=mapping.events_table and prefix + mapping.events_table,
        queues_table=mapping.queues_table and prefix + mapping.queues_table,
    )


def _problems(table: Table, relation: Relation | None) -> Iterator[str]:
    """Why a table is not the one of the profile."""
    if relation is None:
        yield f"there is no table {table.name}"
        return
    missing = [name for name in table.columns if relation.column(name) is None]
    if missing:
        yield f"{relation.full_name} has no column {', '.join(missing)}"
    for name, kind in zip(table.columns, table.kinds, strict=True):
        column = relation.column(name)
        types = {"time": TIMES, "number": NUMBERS, "integer": INTEGERS}.get(kind)
        if column and types and column.type not in types:
            yield f"{relation.full_name} has {name} of type {column.type}"
        if column and kind == _ID and not column.not_null:
            yield f"{relation.full_name} has {name} that may be NULL"


def _unknown_values(mapping: OutboxMapping, relation: Relation) -> Iterator[str]:
    """Values of the profile that the enumeration of the status does not have."""
    status = relation.column(mapping.status) if mapping.status else None
    if status and status.labels and (unknown := [value for value in listed(mapping) if value not in status.labels]):
        yield f"{relation.full_name} has no status {', '.join(unknown)}"


def _is_near(table: Table, relation: Relation) -> bool:
    """Whether it is the library's table all the same: its name is nobody else's, and most columns are there."""
    there = [name for name in table.columns if relation.column(name)]
    return words.is_special(relation.name) and 2 * len(there) > len(table.columns)


def _zone(
    profile: Profile,
    wanted: Iterable[Table],
    by_name: Mapping[tuple[str, str], Relation],
    schema: str,
    configured: str,
) -> tuple[str, tuple[str, ...]]:
    """The zone of times without zone, and what is undecided about it."""
    zoneless = [
        name
        for table in wanted
        for name, kind in zip(table.columns, table.kinds, strict=True)
        if kind == "time"
        and (relation := by_name.get((schema, table.name)))
        and (column := relation.column(name))
        and column.type == TIMES[1]
    ]
    if not zoneless:
        return "", ()
    if zone := profile.timestamp_zone or configured:
        return zone, ()
    listed = ", ".join(dict.fromkeys(zoneless))
    return "", (f"without time zone: {listed}; set database.timestamp_zone to that of their writers",)
