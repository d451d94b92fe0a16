"""Whether the vacuum horizon is pinned: dead rows stay although VACUUM runs. Pure.

VACUUM removes the dead rows that no transaction can see any more. The oldest transaction, snapshot or replication slot
that may see one is the horizon. There is proof for a table that it is pinned when two runs of VACUUM have finished
since the horizon was first found where it still is (so one of them began after that), and the last one left dead rows.

What a run left is not what the server counts now: the counts of a session are added when they are handed in, which may
be after the run. But a session hands in its dead rows together with its changes, so there were at least as many left as
dead rows now exceed the changes since before the run. Source: PostgreSQL, pgstat_relation.c.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.core.humanize import moment

# The first of two runs may have begun before the horizon was found.
_PROOF = 2
# One sample: a session whose times are hidden is old by the transactions begun since, any other by its time.
OLD_AGE, OLD_SECONDS = 10_000, 600.0


@dataclass(frozen=True, slots=True)
class HorizonHolder:
    """One row of sql/vacuum_horizon.sql. Units: `since` Unix seconds. Shape: None where it is unknown or has none."""

    kind: str
    xid: str
    age: int
    pid: int | None
    name: str | None
    role: str | None
    database: str | None
    state: str | None
    since: float | None

    def is_old(self, now: float) -> bool:
        """Whether it is more than a usual transaction, as far as one sample shows that. Units: `now` Unix seconds."""
        return self.age >= OLD_AGE or (self.since is not None and now - self.since >= OLD_SECONDS)

    def is_same(self, other: "HorizonHolder") -> bool:
        """Whether both are one, in two samples."""
        return (self.kind, self.xid, self.pid, self.name) == (other.kind, other.xid, other.pid, other.name)

    @property
    def text(self) -> str:
        """What it is, as far as the role may see it. The name of a prepared transaction may hold anything: left out."""
        of = [f"{what} {value}" for what, value in (("role", self.role), ("database", self.database)) if value]
        if self.kind == "prepared_transaction":
            return _with_details(f"prepared transaction {self.xid}", of)
        if self.kind == "replication_slot":
            return f"replication slot {self.name}"
        state = [self.state] if self.state else []
        details = [*([f"application {self.name}"] if self.name else []), *of, *state]
        return _with_details(f"{self.kind} with pid {self.pid}", details)


def _with_details(text: str, details: Sequence[str]) -> str:
    return f"{text} ({', '.join(details)})" if details else text


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One row of sql/table_statistics.sql: a table, or a partition. Units: bytes, rows, Unix seconds."""

    table_name: str
    id: int
    size: int | None
    counts: bool
    live: int | None
    dead: int | None
    changes: int
    vacuums: int
    vacuumed_at: float | None


@dataclass(frozen=True, slots=True)
class _Observed:
    """A table since the horizon was first found where it is: its runs of VACUUM then, its latest statistics."""

    first_vacuums: int
    latest: TableStatistics
    pinned: bool | None

    def after(self, now: TableStatistics) -> "_Observed":
        """With another sample, while the horizon does not move."""
        return replace(self, latest=now, pinned=self._answer(now))

    def _answer(self, now: TableStatistics) -> bool | None:
        before = self.latest
        if now.dead is None or before.dead is None:
            return None
        if now.dead == 0:
            return False
        if now.vacuums == before.vacuums:
            return self.pinned
        if now.dead - (now.changes - before.changes) > 0:
            return now.vacuums - self.first_vacuums >= _PROOF or self.pinned
        return False if now.dead < before.dead else self.pinned


@dataclass(frozen=True, slots=True)
class Horizon:
    """The vacuum horizon as last sampled.

    Units: `since` Unix seconds: since then, or longer, it is where it is. Shape: `holders` the oldest first, and after
    it those that were there at the sample before; `pinned` has the tables for which it is known.
    """

    holders: tuple[HorizonHolder, ...]
    since: float
    pinned: Mapping[str, bool]

    @property
    def holder(self) -> HorizonHolder | None:
        """The oldest one; None where nothing holds it."""
        return self.holders[0] if self.holders else None

    @property
    def pinned_tables(self) -> tuple[str, ...]:
        """The tables whose dead rows stay."""
        return tuple(sorted(table for table, pinned in self.pinned.items() if pinned))

    @property
    def text(self) -> str:
        """Who holds it, and since when; empty where nothing does."""
        if self.holder is None:
            return ""
        since = moment(self.since) + ("" if self.holder.since else " or longer")
        first, *others = dict.fromkeys(each.text for each in self.holders)
        text = f"{first} has held back the vacuum horizon since {since}"
        return f"{text}; next {', '.join(others)}" if others else text


class HorizonTracker:
    """Compares samples. The answer about a table is unknown until the horizon moves, or two runs of VACUUM ended."""

    def __init__(self) -> None:
        self._holders: tuple[HorizonHolder, ...] = ()
        self._since = 0.0
        self._tables: dict[int, _Observed] = {}

    def note(self, now: float, holders: Sequence[HorizonHolder], tables: Iterable[TableStatistics]) -> Horizon:
        """The horizon after another sample, at `now` of the database's clock. Units: Unix seconds."""
        before, self._holders = self._holders, tuple(holders)
        has_moved = [each.xid for each in before[:1]] != [each.xid for each in holders[:1]] or not holders
        lasting = tuple(each for each in holders if any(each.is_same(one) for one in before))
        known = [each.since for each in holders[:1] if each.since is not None]
        self._since = min([now if has_moved else self._since, *known])
        self._tables = {each.id: _observe(self._tables.get(each.id), each, has_moved) for each in tables if each.counts}
        return Horizon(tuple(dict.fromkeys((*holders[:1], *lasting))), self._since, _by_table(self._tables.values()))


def _observe(before: _Observed | None, now: TableStatistics, has_moved: bool) -> _Observed:
    if before is None or now.changes < before.latest.changes or now.vacuums < before.latest.vacuums:
        return _Observed(now.vacuums, now, None if now.dead != 0 else False)
    return _Observed(now.vacuums, now, False) if has_moved else before.after(now)


def _by_table(observed: Iterable[_Observed]) -> Mapping[str, bool]:
    """One pinned partition pins its table; otherwise a table of which one partition is unknown is unknown."""
    answers: dict[str, list[bool | None]] = {}
    for each in observed:
        answers.setdefault(each.latest.table_name, []).append(each.pinned)
    return {table: True in found for table, found in answers.items() if True in found or None not in found}
