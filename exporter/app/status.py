"""The content of the status page and of /api/v1/status: the five signals, the collectors, alerts, the watch. Pure.

Shape: every key always, None where unknown; `StatusDict` below is the JSON document.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from exporter.metrics import catalogue, odd_rows
from exporter.metrics.catalogue import CollectorName, Metric
from exporter.metrics.exposition import fresh_readings
from exporter.metrics.readings import DatabaseServer, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, database_up, latest_server

if TYPE_CHECKING:
    from alerts.notify.drill.status import DrillStatus


class FiveSignals(TypedDict):
    """The five signals. Units: jobs, seconds, events by source, keys, 0-1."""

    backlog: float | None
    oldest_pending_age_seconds: float | None
    processing_time_avg_seconds: float | None
    events_last_hour: dict[str, float] | None
    idempotency_keys: float | None
    failure_ratio: float | None


class ServerStatus(TypedDict):
    """The last server. `role` is primary or standby; `replay_lag_seconds` the proved limit of a standby."""

    role: str
    address: str | None
    replay_lag_seconds: float | None


class CollectorStatus(TypedDict):
    """One collector. Units: `last_success` Unix seconds."""

    name: str
    success: bool | None
    last_success: float | None
    duration_seconds: float | None
    interval_seconds: float
    fresh: bool
    runs: int
    skipped: int
    failures: dict[str, int]
    problems: list[str]


class AlertStatus(TypedDict):
    """One alert of the exporter's own evaluation.

    `since` is when it began to fire, or to be pending, Unix seconds; a pending one fires after `hold_seconds`. `held`:
    its signal is unknown at present. `muted_by` is the alert that mutes it, None when it is not muted.
    """

    alert: str
    severity: str
    state: str
    since: float
    hold_seconds: float
    value: float
    held: bool
    muted: bool
    muted_by: str | None
    summary: str
    description: str
    runbook_url: str


class CheckStatus(TypedDict):
    """One check of the watch. `title` also says what the configuration made of it, in words.

    `verdict` is None where there is none; `word` is the verdict, or why there is none.
    """

    title: str
    verdict: str | None
    word: str
    reason: str
    own: bool
    advisory: bool
    left_out: bool


class WatchStatus(TypedDict):
    """The present or the latest watch. `verdict` is None while undecided; `started` and `ends` in Unix seconds.

    `headline` is the verdict, with the number of checks that were left out.
    """

    state: str
    verdict: str | None
    headline: str | None
    started: float | None
    ends: float | None
    coverage: float | None
    summary: str
    reasons: list[str]
    checks: list[CheckStatus]


class MigrationStatus(TypedDict):
    """The checks of the migration: how many are ok and unknown, and the names of the broken ones.

    `checked_at` is when they last ran, Unix seconds. `unseen` has the parts that cannot be checked, "register" and
    "cron".
    """

    checked_at: float | None
    ok: float
    unknown: float
    broken: list[str]
    unseen: list[str]


class ApplicationStatus(TypedDict):
    """The application by its own metrics endpoints: whether each answers, its health, and its health checks by name.

    `healthy` is None, and `endpoints` and `checks` are empty, while they are unknown.
    """

    healthy: bool | None
    endpoints: dict[str, bool]
    checks: dict[str, bool]


class Notice(TypedDict):
    """A problem of a part of the exporter, `name`."""

    name: str
    text: str


class ChangeStatus(TypedDict):
    """A change around the outbox, between two moments, Unix seconds."""

    kind: str
    text: str
    earliest: float
    latest: float


class AlertingStatus(TypedDict):
    """The part about alerts and the watch; `alerts` is None before the first evaluation.

    `trends` are the five signals over the last hour, [Unix seconds, value or None], by the page's names for them.
    `changes` are the latest ones, the last first. `drill` is None when none is scheduled. `left_out` are the alerts and
    signals that this outbox cannot have, by the reason; `unknown_metrics` the metrics, each with the reason.
    """

    alerts: list[AlertStatus] | None
    watch: WatchStatus | None
    trends: dict[str, list[tuple[float, float | None]]]
    notices: list[Notice]
    changes: list[ChangeStatus]
    drill: "DrillStatus | None"
    left_out: dict[str, list[str]]
    unknown_metrics: dict[str, str]


NO_ALERTING: AlertingStatus = {
    "alerts": None,
    "watch": None,
    "trends": {},
    "notices": [],
    "changes": [],
    "drill": None,
    "left_out": {},
    "unknown_metrics": {},
}


class StatusDict(AlertingStatus):
    """The whole answer; all times in Unix seconds, `unaccounted` in jobs by kind.

    `unknown_now` has the metrics without a value at present, by name, with the reason.
    `application` is None when none is configured. `scheduled` and `running` jobs are None where they are not known.
    `maintenance_until` is the declared end of the maintenance in force; in the past, the maintenance overruns.
    """

    version: str
    started: float | None
    up: bool
    now: float
    last_scrape: float | None
    database: str
    server: ServerStatus | None
    signals: FiveSignals
    unknown_now: dict[str, str]
    unaccounted: dict[str, float] | None
    scheduled: float | None
    running: float | None
    maintenance_until: float | None
    migration: MigrationStatus | None
    application: ApplicationStatus | None
    collectors: list[CollectorStatus]
    config_reload_successful: bool


def signals(
    states: Iterable[CollectorState], now: float, unix_now: float, *, exhausted_apart: bool = False
) -> FiveSignals:
    """The five signals from readings that have not expired; `now` in seconds of the monotonic clock.

    `exhausted_apart`: exhausted jobs are not attempted any more, so that they are no backlog.
    """
    readings = _fresh(states, now)
    apart = {("exhausted",)} if exhausted_apart else set()
    pending, oldest = (
        {labels: value for labels, value in _values(readings, metric).items() if labels not in apart}
        for metric in (catalogue.PENDING_JOBS, catalogue.OLDEST_PENDING)
    )
    events = _values(readings, catalogue.LAST_HOUR_EVENTS)
    return {
        "backlog": _sum(pending),
        # The timestamp is of the database's clock; a small difference must not show as a negative age.
        "oldest_pending_age_seconds": max(0.0, unix_now - min(oldest.values())) if oldest else None,
        "processing_time_avg_seconds": _values(readings, catalogue.LAST_HOUR_PROCESSING_TIME).get(("created",)),
        "events_last_hour": {labels[0]: value for labels, value in events.items()} if events else None,
        "idempotency_keys": _sum(_values(readings, catalogue.IDEMPOTENCY_KEYS)),
        "failure_ratio": _values(readings, catalogue.LAST_HOUR_FAILURE_RATIO).get(()),
    }


def server_status(server: DatabaseServer | None) -> ServerStatus | None:
    """The server that answers; None while it is unknown."""
    if server is None:
        return None
    return {"role": server.role, "address": server.address, "replay_lag_seconds": server.lag}


def collector_status(state: CollectorState, now: float) -> CollectorStatus:
    """The status of one collector at `now`, in Unix seconds."""
    return {
        "name": state.name,
        "success": state.success,
        "last_success": state.succeeded_at,
        "duration_seconds": state.duration,
        "interval_seconds": state.interval,
        "fresh": state.fresh(now),
        "runs": state.runs,
        "skipped": state.skipped,
        "failures": {reason.value: count for reason, count in state.failures.items()},
        "problems": [failure.message for failure in state.problems],
    }


def migration(states: Iterable[CollectorState], now: float) -> MigrationStatus | None:
    """The results of the migration's checks; None while they are unknown. `now`: seconds of the monotonic clock."""
    states = tuple(states)
    readings = _fresh(states, now)
    totals = _values(readings, catalogue.MIGRATION_CHECKS)
    if not totals:
        return None
    made = {labels[0]: value for labels, value in _values(readings, catalogue.MIGRATION_CHECK_OK).items()}
    return {
        "checked_at": next((state.succeeded_at for state in states if state.name == CollectorName.MIGRATION), None),
        "ok": totals.get(("ok",), 0),
        "unknown": totals.get(("unknown",), 0),
        "broken": sorted(check for check, value in made.items() if not value),
        "unseen": [part for part in ("register", "cron") if not any(check.startswith(f"{part}.") for check in made)],
    }


def application(states: Iterable[CollectorState], now: float) -> ApplicationStatus | None:
    """What the application says of itself; None when none is configured. `now`: seconds of the monotonic clock."""
    states = tuple(states)
    if not any(state.target is CollectorTarget.APPLICATION for state in states):
        return None
    readings = _fresh(states, now)
    healthy = _values(readings, catalogue.APP_HEALTHY).get(())
    return {
        "healthy": None if healthy is None else bool(healthy),
        "endpoints": _flags(readings, catalogue.APP_UP),
        "checks": _flags(readings, catalogue.APP_CHECK),
    }


def unaccounted(states: Iterable[CollectorState], now: float) -> dict[str, float] | None:
    """Jobs that left the backlog without being counted since the start, by kind; None while it is unknown.

    Units: `now` seconds of the monotonic clock.
    """
    found = _values(_fresh(states, now), catalogue.UNACCOUNTED_JOBS)
    return {labels[0]: value for labels, value in found.items()} or None


def unknown_now(states: Iterable[CollectorState], now: float) -> dict[Metric, str]:
    """The metrics that have no value at present, with the reason. `now`: seconds of the monotonic clock."""
    return {metric: reason for state in states if state.fresh(now) for metric, reason in state.unknown.items()}


@dataclass(frozen=True, slots=True)
class ExporterInfo:
    """The status without a sample: `database` is the address, without secrets.

    `exhausted_apart`: as for `signals`.
    Units: `started`, of the process, and `last_scrape`, of the last request of /metrics, Unix seconds; None where
    nothing is served.
    """

    version: str
    database: str
    reloaded: bool
    started: float | None = None
    last_scrape: float | None = None
    exhausted_apart: bool = False


def status(
    about: ExporterInfo,
    states: Iterable[CollectorState],
    now: float,
    unix_now: float,
    alerting: AlertingStatus = NO_ALERTING,
) -> StatusDict:
    """The whole document; `now` by the monotonic clock, `unix_now` by the wall clock."""
    states = tuple(states)
    left_out: list[Notice] = [{"name": table, "text": text} for table, text in odd_rows.messages(_fresh(states, now))]
    noticed: list[Notice] = [
        {"name": each.name, "text": each.text} for state in states if state.fresh(now) for each in state.notices
    ]
    return {
        **alerting,
        "notices": [*alerting["notices"], *left_out, *noticed],
        "version": about.version,
        "started": about.started,
        "last_scrape": about.last_scrape,
        "up": database_up(states, now),
        "now": unix_now,
        "database": about.database,
        "server": server_status(latest_server(states, now)),
        "signals": signals(states, now, unix_now, exhausted_apart=about.exhausted_apart),
        "unknown_now": {metric.name: reason for metric, reason in unknown_now(states, now).items()},
        "unaccounted": unaccounted(states, now),
        "scheduled": _values(_fresh(states, now), catalogue.SCHEDULED_JOBS).get(()),
        "running": _values(_fresh(states, now), catalogue.RUNNING_JOBS).get(()),
        "maintenance_until": _values(_fresh(states, now), catalogue.MAINTENANCE_DECLARED_END).get(()),
        "migration": migration(states, now),
        "application": application(states, now),
        "collectors": [collector_status(state, now) for state in states],
        "config_reload_successful": about.reloaded,
    }


def _fresh(states: Iterable[CollectorState], now: float) -> list[Reading]:
    return [reading for reading in fresh_readings(states, now) if isinstance(reading, Reading)]


def _values(readings: Iterable[Reading], metric: Metric) -> dict[tuple[str, ...], float]:
    return {reading.labels: reading.value for reading in readings if reading.metric == metric}


def _flags(readings: Iterable[Reading], metric: Metric) -> dict[str, bool]:
    return {labels[0]: bool(value) for labels, value in _values(readings, metric).items()}


def _sum(values: dict[tuple[str, ...], float]) -> float | None:
    return sum(values.values()) if values else None
