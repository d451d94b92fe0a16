"""The table of transitions of a mapping, as SQL: a row says what happened to a job, and when."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from exporter.database.jobs.fragments import Part, all_of, column, comma
from exporter.outbox.mapping import OutboxMapping


class Transitions:
    """Parts of SQL about the rows of this table. `alias` is that of the table in the statement."""

    def __init__(self, mapping: OutboxMapping, schema: str) -> None:
        self._m = mapping
        self._table = sql.Identifier(schema, mapping.events_table)

    def type_in(self, alias: str, values: Iterable[str]) -> Part:
        """What happened is one of these."""
        return sql.SQL("{} IN ({})").format(column(alias, self._m.events_type), comma(map(sql.Literal, values)))

    def same_job(self, alias: str, columns: Sequence[str], other: str) -> list[Part]:
        """The row is about the job that these columns of the table with the alias `other` identify."""
        pairs = zip(self._m.events_job, columns, strict=True)
        return [sql.SQL("{} = {}").format(column(alias, ours), column(other, theirs)) for ours, theirs in pairs]

    def created_at(self, other: str, columns: Sequence[str]) -> Part:
        """When that job was created: a subquery."""
        conditions = [self.type_in("made", self._m.events_created), *self.same_job("made", columns, other)]
        return sql.SQL("(SELECT min({}) FROM {} AS made WHERE {})").format(
            column("made", self._m.events_at), self._table, all_of(conditions)
        )

    def none(self, alias: str, condition: Part) -> Part:
        """No row meets this condition."""
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS {} WHERE {})").format(
            self._table, sql.Identifier(alias), condition
        )

    def select(self, columns: Iterable[tuple[Part, str]], conditions: Sequence[Part]) -> Part:
        """The rows that meet all of these conditions, with the alias `events`; of each the columns by these names."""
        listed = comma(sql.SQL("{} AS {}").format(part, sql.Identifier(name)) for part, name in columns)
        return sql.SQL("SELECT {} FROM {} AS events WHERE {}").format(listed, self._table, all_of(conditions))
