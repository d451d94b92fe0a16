"""Checksums of the definitions that `verify` reads, and of the server's settings, to notice that somebody changed one.

The facts are those of the collector `migration`, so that no statement is added. A checksum says nothing about what was
changed; it has no value of a setting, which may be a secret.
"""

from collections.abc import Iterator, Mapping
from zlib import crc32

from exporter.migration import expected
from exporter.migration.verify.catalogue import Relation, SchemaFacts

SETTING = "setting "
SERVER_VERSION = "the server's version"


def checksums(facts: SchemaFacts) -> Mapping[str, int]:
    """A checksum for each table, index, policy, function and setting, by its description.

    It is comparable only between samples of one version of the exporter and of one version of the server.
    """
    return {
        SERVER_VERSION: facts.settings.server_version,
        **{name: _checksum(definition) for name, definition in _definitions(facts)},
        **{f"{SETTING}{each.partition(' ')[0]}": _checksum(each) for each in facts.settings.server_settings},
    }


def _definitions(facts: SchemaFacts) -> Iterator[tuple[str, object]]:
    """Each object with what defines it."""
    for table in expected.TABLE_NAMES:
        relation = facts.relation(facts.schema, table)
        if relation is not None:
            yield f"table {table}", _table(facts, relation)
            yield f"storage of table {table}", relation.file
            yield f"partitions of table {table}", facts.partitions_of(table)
    for index in facts.indexes:
        yield f"index {index.name}", index
    for policy in facts.policies:
        yield f"policy {policy.name} on {policy.table_name}", policy
    for function in facts.functions:
        yield f"function {function.name}({function.arguments})", function


def _table(facts: SchemaFacts, relation: Relation) -> object:
    name = relation.table_name
    columns = tuple(column for column in facts.columns if column.table_name == name)
    constraints = tuple(constraint for constraint in facts.constraints if constraint.table_name == name)
    rest = (relation.kind, relation.persistence, relation.row_security, relation.options, relation.triggers)
    return columns, constraints, rest


def _checksum(definition: object) -> int:
    return crc32(repr(definition).encode())
