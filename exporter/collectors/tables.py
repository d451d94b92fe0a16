"""The tables themselves: size, live and dead rows, the last VACUUM, whether the vacuum horizon is pinned.

Of a mapping with a status also the values that the mapping does not list.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from exporter.collectors.horizon import Horizon, HorizonHolder, HorizonTracker, TableStatistics
from exporter.core.errors import PermissionDenied
from exporter.core.humanize import count, moment
from exporter.core.logs import event, hide
from exporter.database import DatabaseClient, Session, statuses
from exporter.database.relations import watched_tables
from exporter.database.statuses import StatusValue
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import CollectorNotice, CollectorOutcome, Reading

logger = logging.getLogger(__name__)


class TablesCollector:
    """Reads the server's statistics, the sizes of files and the list of sessions; no row of the tables.

    Shape: sizes always; rows and times of VACUUM where this server counts them; whether the horizon is pinned where the
    samples so far show it. Which holder pins it is logged and noticed, as are values of the status that mean nothing.
    Runs in one thread.
    Raises: SampleError, Locked while a table is locked exclusively.
    Source: sql/table_statistics.sql, vacuum_horizon.sql, status_values.sql.
    """

    name = "tables"

    def __init__(self, database: DatabaseClient) -> None:
        self._database = database
        self._tracker = HorizonTracker()
        # The oldest transaction of the horizon whose holder was logged.
        self._logged: str | None = None
        self._logged_statuses: tuple[str, ...] = ()

    def collect(self) -> CollectorOutcome:
        """One sample."""
        unlisted = self._unlisted_statuses()
        with self._database.sample() as session:
            tables = read_statistics(session)
            horizon = self._horizon(session, tables)
        self._log(horizon)
        self._log_statuses(unlisted)
        return CollectorOutcome(
            (*table_readings(tables), *horizon_readings(horizon)),
            network_time=self._database.network_time,
            server=self._database.server,
            notices=(*notices(horizon), *status_notices(self._database.mapping.table, unlisted)),
        )

    def _horizon(self, session: Session, tables: Iterable[TableStatistics]) -> Horizon:
        """The horizon after this sample; nothing is known of it where a server hides its sessions from this role."""
        try:
            holders = read_holders(session)
        except PermissionDenied:
            return Horizon((), session.now, {})
        return self._tracker.note(session.now, holders, tables)

    def _unlisted_statuses(self) -> tuple[str, ...]:
        """In a transaction of its own: where a server hides its statistics from this role, the refusal ends it."""
        mapping = self._database.mapping
        values: tuple[StatusValue, ...] = ()
        if mapping.status:
            with suppress(PermissionDenied), self._database.sample() as session:
                values = statuses.read_known(session)
        return statuses.unlisted(mapping, values)

    def _log(self, horizon: Horizon) -> None:
        """Log who pins the horizon, when that changes."""
        xid = horizon.holder.xid if horizon.pinned_tables and horizon.holder else None
        if xid == self._logged:
            return
        self._logged = xid
        if xid is None:
            event(logger, logging.INFO, "vacuum horizon not pinned any more")
        else:
            tables = ", ".join(horizon.pinned_tables)
            event(logger, logging.WARNING, "vacuum horizon pinned", tables=tables, holder=horizon.text)

    def _log_statuses(self, unlisted: tuple[str, ...]) -> None:
        """Log which values of the status mean nothing, when that changes."""
        if unlisted and unlisted != self._logged_statuses:
            table = self._database.mapping.table
            event(logger, logging.WARNING, "status without a meaning", table=table, values="; ".join(unlisted))
        self._logged_statuses = unlisted


def read_statistics(session: Session) -> list[TableStatistics]:
    """The statistics of the watched tables, or of their partitions. Raises: SampleError."""
    return session.fetch(
        "table_statistics", TableStatistics, schema=session.schema, tables=list(watched_tables(session.mapping))
    )


def read_holders(session: Session) -> list[HorizonHolder]:
    """The oldest holders of the vacuum horizon; none on a standby, where VACUUM does not run.

    Raises: SampleError; PermissionDenied where PUBLIC was denied the views of sessions, after which the session cannot
    be used.
    """
    return [] if session.is_standby else session.fetch("vacuum_horizon", HorizonHolder)


def table_readings(tables: Iterable[TableStatistics]) -> Iterator[Reading]:
    """Sizes and statistics by table, those of partitions added up; a sum of which a part is unknown is unknown."""
    for table, parts in _by_name(tables).items():
        if sizes := [part.size for part in parts if part.size is not None]:  # the others were dropped meanwhile
            yield Reading(catalogue.TABLE_SIZE, sum(sizes), (table,))
        if not all(part.counts for part in parts):
            continue
        yield from _sum(catalogue.TABLE_DEAD_ROWS, table, [part.dead for part in parts])
        yield from _sum(catalogue.TABLE_LIVE_ROWS, table, [part.live for part in parts])
        if ends := [part.vacuumed_at for part in parts if part.vacuumed_at is not None]:
            yield Reading(catalogue.TABLE_LAST_VACUUM, max(ends), (table,))


def horizon_readings(horizon: Horizon) -> Iterator[Reading]:
    """Whether the horizon of each table is pinned, where known; since when, while one is."""
    for table, pinned in horizon.pinned.items():
        yield Reading(catalogue.VACUUM_HORIZON_PINNED, pinned, (table,))
    if horizon.pinned_tables and horizon.holder:
        yield Reading(catalogue.VACUUM_HORIZON_HELD, horizon.since, (horizon.holder.kind,))


def notices(horizon: Horizon) -> Iterator[CollectorNotice]:
    """Who pins the horizon of which tables."""
    if tables := ", ".join(horizon.pinned_tables):
        yield CollectorNotice(tables, hide(f"dead rows stay although VACUUM runs: {horizon.text}"))


def status_notices(table: str, unlisted: Iterable[str]) -> Iterator[CollectorNotice]:
    """The values of the status that mean nothing."""
    return (CollectorNotice(table, hide(text)) for text in unlisted)


def unknown_statistics(tables: Iterable[TableStatistics], *, is_standby: bool) -> Iterator[str]:
    """Why live and dead rows of some tables are unknown."""
    if is_standby:
        yield "a standby keeps no statistics of dead rows and VACUUM: only sizes are known"
        return
    found = _by_name(tables)
    if not all(part.counts for parts in found.values() for part in parts):
        yield "track_counts is off, so dead rows and runs of VACUUM are unknown, and autovacuum does not run"
        return
    if uncounted := [table for table, parts in found.items() if any(part.dead is None for part in parts)]:
        yield (
            f"dead and live rows of {', '.join(uncounted)} are unknown until VACUUM or ANALYZE has counted them: "
            "neither has since the server's statistics began"
        )


def oldest(holder: HorizonHolder) -> str:
    """The oldest holder, in a sentence, and what hides the rest from this role."""
    if holder.since is not None:
        return f"held back since {moment(holder.since)} by {holder.text}"
    text = f"held back for {count(holder.age)} transactions by {holder.text}"
    hidden = "; GRANT pg_read_all_stats shows its state and since when" if holder.kind == "session" else ""
    return f"{text}{hidden}"


def _sum(metric: Metric, table: str, values: Sequence[int | None]) -> Iterator[Reading]:
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        yield Reading(metric, sum(known), (table,))


def _by_name(tables: Iterable[TableStatistics]) -> dict[str, list[TableStatistics]]:
    found: dict[str, list[TableStatistics]] = {}
    for each in tables:
        found.setdefault(each.table_name, []).append(each)
    return found
