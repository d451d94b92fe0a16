"""The metric catalogue: the one place where a metric's name, type, labels and help are written.

Collectors, exposition, documentation and tests refer to these constants. Metric names are contract: they are never
renamed, only added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class CollectorName(StrEnum):
    """The collectors, by the values of the label `collector`."""

    BACKLOG = "backlog"
    THROUGHPUT = "throughput"
    LAST_HOUR = "last_hour"
    EVENTS = "events"
    IDEMPOTENCY = "idempotency"
    MAINTENANCE = "maintenance"
    MIGRATION = "migration"
    TABLES = "tables"
    APPLICATION = "application"


class Kind(StrEnum):
    """Prometheus metric types in use."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric family: `name` as it appears on /metrics (counters with `_total`), label names in order.

    `collector` publishes it; None for the exporter's own metrics, and for those that several collectors publish.
    `critical` is whether an alert of severity page depends on it; otherwise it is informational.
    There is one object for each metric, so it is compared by identity, which is fast.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    collector: CollectorName | None = None
    critical: bool = False

    @property
    def family(self) -> str:
        """The family's name: without `_total`, as OpenMetrics requires."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Makes the metrics of one collector, or, without one, those of the exporter itself."""

    collector: CollectorName | None = None

    def gauge(self, name: str, text: str, *labels: str, critical: bool = False) -> Metric:
        return Metric(name, Kind.GAUGE, text, labels, self.collector, critical)

    def counter(self, name: str, text: str, *labels: str, critical: bool = False) -> Metric:
        return Metric(name, Kind.COUNTER, text, labels, self.collector, critical)

    def histogram(self, name: str, text: str, *labels: str, critical: bool = False) -> Metric:
        return Metric(name, Kind.HISTOGRAM, text, labels, self.collector, critical)


_backlog = _Publisher(CollectorName.BACKLOG)
_throughput = _Publisher(CollectorName.THROUGHPUT)
_last_hour = _Publisher(CollectorName.LAST_HOUR)
_events = _Publisher(CollectorName.EVENTS)
_idempotency = _Publisher(CollectorName.IDEMPOTENCY)
_maintenance = _Publisher(CollectorName.MAINTENANCE)
_migration = _Publisher(CollectorName.MIGRATION)
_tables = _Publisher(CollectorName.TABLES)
_application = _Publisher(CollectorName.APPLICATION)
_exporter = _Publisher()

# Label values known in advance: their series always exist, with 0 when there is nothing to count.
STATES = ("waiting", "failing", "exhausted")
SOURCES = ("API", "QUEUE", "WORKER")
KEY_STATES = ("live", "expired")
COHORTS = ("created", "processed")
UNACCOUNTED_KINDS = ("removed", "uncounted", "doubled")
OTHER = "other"
# An infinite time; one before 1970 or too far ahead of the database's clock; NULL where a value is expected.
ODD_KINDS = ("infinite", "out_of_range", "null")
NOTIFICATION_RESULTS = ("delivered", "failed", "dropped")
HORIZON_HOLDERS = ("session", "prepared_transaction", "replication_slot", "standby")
WATCH_STATES = ("waiting", "running", "passed", "failed", "inconclusive")

# Upper bounds in seconds. 0.1 to 1 s is the busy processor's poll, 30 s its idle poll, 150 s one batch of
# connection retries, 300 s the stall threshold; beyond an hour only the order of magnitude matters.
PROCESSING_TIME_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 150, 300, 900, 3600, 21600)

# --- backlog ---------------------------------------------------------------------------------------------------
PENDING_JOBS = _backlog.gauge(
    "outbox_pending_jobs",
    "Pending jobs by state: waiting (no attempt yet), failing (attempted), exhausted (attempts used up). The "
    "sum is the backlog.",
    "state",
    critical=True,
)
OLDEST_PENDING = _backlog.gauge(
    "outbox_oldest_pending_timestamp_seconds",
    "Creation time of the oldest pending job in this state; absent when there is none.",
    "state",
    critical=True,
)
PENDING_TRUNCATED = _backlog.gauge(
    "outbox_pending_jobs_truncated",
    "1 when counting pending jobs stopped at sampling.count_limit, so that the backlog is at least that.",
)
HEAD_BLOCKED_JOBS = _backlog.gauge(
    "outbox_head_blocked_jobs",
    "Failing and exhausted jobs among the oldest 100 pending. At 100 no job behind them is processed.",
    critical=True,
)
SCHEDULED_JOBS = _backlog.gauge(
    "outbox_scheduled_jobs",
    "Jobs that are not due yet, retries that wait for their time included. They are no backlog. Absent where jobs have "
    "no such time.",
)
RUNNING_JOBS = _backlog.gauge(
    "outbox_running_jobs",
    "Jobs that a worker has taken and not finished. They are no backlog. Absent where the rows do not tell.",
)
QUEUE_PENDING_JOBS = _backlog.gauge(
    "outbox_queue_pending_jobs", "Pending jobs by queue, a breakdown of the backlog.", "queue"
)
QUEUE_OLDEST_PENDING = _backlog.gauge(
    "outbox_queue_oldest_pending_timestamp_seconds",
    "Creation time of the oldest pending job of this queue; absent when there is none.",
    "queue",
)
QUEUE_EXHAUSTED_JOBS = _backlog.gauge(
    "outbox_queue_exhausted_jobs",
    "Exhausted jobs (attempts used up) by queue; absent without pending jobs.",
    "queue",
)
QUEUE_OLDEST_EXHAUSTED = _backlog.gauge(
    "outbox_queue_oldest_exhausted_timestamp_seconds",
    "Creation time of the oldest exhausted job of this queue; absent when there is none.",
    "queue",
)

# --- throughput ------------------------------------------------------------------------------------------------
LAST_HOUR_PROCESSED = _last_hour.gauge("outbox_last_hour_processed_jobs", "Jobs processed in the last hour.")
LAST_HOUR_PROCESSING_TIME = _last_hour.gauge(
    "outbox_last_hour_processing_time_avg_seconds",
    "Mean processing time (creation to processed) of jobs created in the last hour (the documented query), or "
    "of jobs processed in the last hour (includes slow ones); absent when there is none.",
    "cohort",
)
LAST_HOUR_FAILURE_RATIO = _last_hour.gauge(
    "outbox_last_hour_failure_ratio",
    "Jobs failing in the last hour divided by jobs failing or processed in it (0-1); absent when no job was attempted.",
)
PROCESSED_JOBS = _throughput.counter(
    "outbox_processed_jobs_total", "Jobs processed since the exporter started.", critical=True
)
CREATED_JOBS = _throughput.counter(
    "outbox_created_jobs_total",
    "Jobs created since the exporter started. A job that is pending again after it was processed counts again. "
    "Absent on a standby.",
    critical=True,
)
PROCESSING_TIME = _throughput.histogram(
    "outbox_processing_time_seconds",
    "Processing time (creation to processed) of the jobs in outbox_processed_jobs_total. Negative times count "
    "as 0; jobs with an invalid created_at are left out.",
    critical=True,
)
CLOCK_SKEW_JOBS = _throughput.counter(
    "outbox_clock_skew_jobs_total",
    "Jobs with a processed_at before their created_at: the application's clock is behind.",
)
UNACCOUNTED_JOBS = _throughput.counter(
    "outbox_unaccounted_jobs_total",
    "Jobs for which created = processed + growth of the backlog does not hold: removed (deleted while pending), "
    "uncounted (processed_at is off by more than ten minutes), doubled (processed_at was set a second time). Absent "
    "on a standby.",
    "kind",
)
QUEUE_LAST_HOUR_PROCESSED = _last_hour.gauge(
    "outbox_queue_last_hour_processed_jobs", "Jobs processed in the last hour, by queue.", "queue"
)
QUEUE_PROCESSED_JOBS = _throughput.counter(
    "outbox_queue_processed_jobs_total", "Jobs processed since the exporter started, by queue.", "queue"
)
QUEUE_LAST_HOUR_FAILURE_RATIO = _last_hour.gauge(
    "outbox_queue_last_hour_failure_ratio",
    "Jobs of this queue failing in the last hour divided by those failing or processed in it (0-1); absent when none "
    "was attempted.",
    "queue",
)
QUEUE_CREATED_JOBS = _throughput.counter(
    "outbox_queue_created_jobs_total", "Jobs created since the exporter started, by queue.", "queue"
)
OLDEST_PROCESSED = _last_hour.gauge(
    "outbox_oldest_processed_timestamp_seconds",
    "Time at which the oldest processed job in the table was processed (retention); absent when there is none.",
)

# --- events ----------------------------------------------------------------------------------------------------
LAST_HOUR_EVENTS = _events.gauge("outbox_last_hour_fsm_events", "FSM events of the last hour, by source.", "source")
LAST_HOUR_EVENTS_BY_TYPE = _events.gauge(
    "outbox_last_hour_fsm_events_by_type", "FSM events of the last hour, by event type.", "event"
)
EVENTS = _events.counter("outbox_fsm_events_total", "FSM events since the exporter started, by source.", "source")
EVENTS_BY_TYPE = _events.counter(
    "outbox_fsm_events_by_type_total", "FSM events since the exporter started, by event type.", "event"
)

# --- idempotency -----------------------------------------------------------------------------------------------
IDEMPOTENCY_KEYS = _idempotency.gauge(
    "outbox_idempotency_keys",
    "Idempotency keys: live, or expired and not removed yet. The sum is the cache size.",
    "state",
)
OLDEST_EXPIRED_KEY = _idempotency.gauge(
    "outbox_idempotency_oldest_expired_timestamp_seconds",
    "Expiry time of the oldest expired idempotency key in the table; absent when there is none.",
)

# --- rows with invalid values ------------------------------------------------------------------------------------
ODD_ROWS = _exporter.gauge(
    "outbox_odd_rows",
    "Rows that are left out of a value: their time is infinite, or before 1970 or too far ahead "
    "(out_of_range), or a value is missing (null). Present when there are any.",
    "table",
    "kind",
)

# --- application -----------------------------------------------------------------------------------------------
APP_UP = _application.gauge(
    "outbox_app_up", "1 when this endpoint of the application returned a valid response.", "endpoint"
)
APP_HEALTHY = _application.gauge("outbox_app_healthy", "1 when the application reports itself healthy.")
APP_CHECK = _application.gauge(
    "outbox_app_check", "One of the application's own health checks: 1 passed, 0 failed.", "check"
)
APP_FSM_INITIALIZATIONS = _application.counter(
    "outbox_app_fsm_initializations_total",
    "FSM initialisations as counted by the application.",
    "result",
    critical=True,
)
APP_FSM_FAILURE_RATIO = _application.gauge(
    "outbox_app_fsm_failure_ratio",
    "Failed initialisations divided by all since the application started (0-1); absent before the first.",
)
APP_FSM_CACHE_HIT_RATIO = _application.gauge(
    "outbox_app_fsm_cache_hit_ratio",
    "Initialisations answered from the idempotency cache (0-1); absent before the first.",
)
APP_FSM_DURATION = _application.gauge(
    "outbox_app_fsm_init_duration_avg_seconds", "Mean duration of an initialisation as measured by the application."
)
APP_PENDING_JOBS = _application.gauge(
    "outbox_app_pending_jobs",
    "Pending jobs as reported by the application. When deployed, this is the size of the last batch (100 at most).",
)
APP_PROCESSED_JOBS = _application.counter(
    "outbox_app_processed_jobs_total", "Processed jobs as counted by the application."
)
APP_FAILED_JOBS = _application.counter("outbox_app_failed_jobs_total", "Failed jobs as counted by the application.")
APP_PROCESSING_TIME = _application.gauge(
    "outbox_app_processing_time_avg_seconds", "Mean processing time per job, in the documented dialect only."
)
APP_LAST_PROCESSED = _application.gauge(
    "outbox_app_last_processed_timestamp_seconds",
    "Time of the processor's last poll as reported by the application, including polls with empty and failing batches.",
)
APP_FALLBACK_ACTIVATIONS = _application.counter(
    "outbox_app_fallback_activations_total", "Activations of a defence layer as counted by the application.", "layer"
)
APP_FALLBACK_FAILURES = _application.counter(
    "outbox_app_fallback_failures_total",
    "Failures of a defence layer as counted by the application.",
    "layer",
    critical=True,
)

# --- migration -------------------------------------------------------------------------------------------------
MIGRATION_CHECK_OK = _migration.gauge(
    "outbox_migration_check_ok", "One check of the migration: 1 intact, 0 broken; absent when unknown.", "check"
)
MIGRATION_CHECKS = _migration.gauge(
    "outbox_migration_checks", "Number of migration checks by result: ok, broken, unknown.", "status", critical=True
)
CRON_TIMEZONE_OFFSET = _migration.gauge(
    "outbox_cron_timezone_offset_seconds",
    "Current offset from UTC of the time zone in which pg_cron interprets its schedules; absent when unknown.",
)
CRON_LAST_RUN = _migration.gauge(
    "outbox_cron_last_run_timestamp_seconds",
    "End of the last finished run of this clean-up job of pg_cron; absent before the first, and where the role cannot "
    "see it.",
    "job",
)
CRON_LAST_RUN_SUCCESS = _migration.gauge(
    "outbox_cron_last_run_success",
    "1 when the last finished run of this clean-up job of pg_cron succeeded, 0 when it failed; absent likewise.",
    "job",
)
MAINTENANCE_ACTIVE = _maintenance.gauge("outbox_maintenance_active", "1 during a declared maintenance.", critical=True)
MAINTENANCE_DECLARED_END = _maintenance.gauge(
    "outbox_maintenance_declared_end_timestamp_seconds",
    "Declared end of a maintenance that was not ended; absent when there is none. In the past, the maintenance "
    "is overdue.",
)

# --- tables ----------------------------------------------------------------------------------------------------
TABLE_DEAD_ROWS = _tables.gauge(
    "outbox_table_dead_rows",
    "Dead rows of this table as PostgreSQL estimates them; absent until VACUUM or ANALYZE has counted them.",
    "table",
)
TABLE_LIVE_ROWS = _tables.gauge(
    "outbox_table_live_rows",
    "Live rows of this table as PostgreSQL estimates them; absent until VACUUM or ANALYZE has counted them.",
    "table",
)
TABLE_SIZE = _tables.gauge(
    "outbox_table_size_bytes", "Size of this table on disk, with its indexes and TOAST.", "table"
)
TABLE_LAST_VACUUM = _tables.gauge(
    "outbox_table_last_vacuum_timestamp_seconds",
    "End of the last VACUUM or autovacuum of this table; absent before the first. It is renewed when no dead row could "
    "be removed, too.",
    "table",
)
VACUUM_HORIZON_PINNED = _tables.gauge(
    "outbox_vacuum_horizon_pinned",
    "1 when dead rows of this table stay although VACUUM has run since, because something may still see them; absent "
    "while that is unknown.",
    "table",
)
VACUUM_HORIZON_HELD = _tables.gauge(
    "outbox_vacuum_horizon_held_timestamp_seconds",
    "Time since when the oldest holder has held back the vacuum horizon, or longer, by the kind of the holder: "
    "session, prepared_transaction, replication_slot, standby; present while the horizon of a table is pinned.",
    "holder",
)

# --- alerting ---------------------------------------------------------------------------------------------------
ALERT_FIRING = _exporter.gauge(
    "outbox_alert_firing",
    "1 when this alert fires in the exporter's own evaluation, 0 when it does not.",
    "alert",
    "severity",
)
ALERT_MUTED = _exporter.gauge(
    "outbox_alert_muted",
    "1 while this firing alert is muted by the firing alert `by`, its cause; absent for all others.",
    "alert",
    "severity",
    "by",
)
NOTIFICATIONS_WAITING = _exporter.gauge(
    "outbox_notifications_waiting",
    "Notifications that this receiver has not accepted yet; they are retried.",
    "receiver",
)
NOTIFICATIONS = _exporter.counter(
    "outbox_notifications_total",
    "Attempts to notify this receiver: delivered, failed (and retried), dropped (permanently refused).",
    "receiver",
    "result",
)
ALERT_DELAY = _exporter.gauge(
    "outbox_alert_delay_seconds",
    "Latest alert that this receiver has accepted: time from the beginning of its condition to its delivery. Absent "
    "before the first since the start; without the watchdog and drills.",
    "receiver",
)
DRILL_ACTIVE = _exporter.gauge(
    "outbox_drill_active",
    "1 while the weekly drill takes place, 0 otherwise, by the severity of its alert; absent without a schedule.",
    "severity",
    critical=True,
)
DRILL_SUCCESS = _exporter.gauge(
    "outbox_drill_success",
    "1 when the latest drill reached this receiver, 0 when it did not; absent before the first.",
    "receiver",
)
DRILL_LAST_SUCCESS = _exporter.gauge(
    "outbox_drill_last_success_timestamp_seconds",
    "Time at which a drill last reached this receiver; absent before the first.",
    "receiver",
)
WATCH_STATE = _exporter.gauge(
    "outbox_watch_state", "1 for the current state of the watch, 0 for the others.", "state", critical=True
)
WATCH_START = _exporter.gauge(
    "outbox_watch_start_timestamp_seconds", "Start of the latest watch; absent before the first."
)
WATCH_END = _exporter.gauge(
    "outbox_watch_end_timestamp_seconds",
    "Planned end of the latest watch or, when it is decided, the time of its verdict; absent before the first.",
    critical=True,
)
WATCH_COVERAGE = _exporter.gauge(
    "outbox_watch_coverage_ratio",
    "Share of the latest watch with data so far (0-1), the lowest of all checked signals; absent before the first.",
)

CHANGE = _exporter.gauge(
    "outbox_change_timestamp_seconds",
    "Latest change of this kind around the outbox, when it was first seen; absent before one.",
    "kind",
)

# --- the exporter itself ---------------------------------------------------------------------------------------
UP = _exporter.gauge("outbox_up", "1 when the last database sample succeeded.", critical=True)
SERVER_IN_RECOVERY = _exporter.gauge(
    "outbox_server_in_recovery", "1 when a standby answers, 0 when a primary does; absent when no server does."
)
SERVER_REPLAY_LAG = _exporter.gauge(
    "outbox_server_replay_lag_seconds",
    "Maximum lag of the standby's replay behind its sender, as proved; absent on a primary and when nothing is proved.",
)
COLLECTOR_SUCCESS = _exporter.gauge(
    "outbox_collector_success", "1 when the collector's last run succeeded.", "collector", critical=True
)
COLLECTOR_LAST_SUCCESS = _exporter.gauge(
    "outbox_collector_last_success_timestamp_seconds",
    "Time of the collector's last success; absent before the first.",
    "collector",
    critical=True,
)
COLLECTOR_DURATION = _exporter.gauge(
    "outbox_collector_duration_seconds", "Duration of the collector's last run; absent before the first.", "collector"
)
COLLECTOR_INTERVAL = _exporter.gauge(
    "outbox_collector_interval_seconds",
    "The collector's current interval, which is longer while the collector exceeds its budget.",
    "collector",
)
COLLECTOR_RUNS = _exporter.counter("outbox_collector_runs_total", "Finished runs of the collector.", "collector")
COLLECTOR_SKIPPED = _exporter.counter(
    "outbox_collector_skipped_total", "Runs skipped because the previous one was still running.", "collector"
)
COLLECTOR_FAILURES = _exporter.counter(
    "outbox_collector_failures_total", "Failures of the collector by reason.", "collector", "reason", critical=True
)
LABEL_VALUES_DROPPED = _exporter.counter(
    "outbox_label_values_dropped_total",
    "Values of this label beyond sampling.label_limit, which were reported as 'other'.",
    "label",
)
HELPFUL_INDEX_MISSING = _exporter.gauge(
    "outbox_helpful_index_missing",
    "1 when this index is absent or invalid, so that sampling costs the database more or runs less often.",
    "index",
)
BUILD_INFO = _exporter.gauge(
    "outbox_exporter_build_info", "Version of the exporter and its Python; always 1.", "version", "python"
)
CONFIG_RELOAD_SUCCESSFUL = _exporter.gauge(
    "outbox_exporter_config_last_reload_successful",
    "1 when the last configuration reload succeeded, and before the first one.",
)
STATE_STORED = _exporter.gauge(
    "outbox_exporter_state_stored",
    "1 when this exporter stores its state in watch.state_dir. 0: the directory cannot be written, or another "
    "exporter uses it, and a restart loses the watch, declared maintenance, alerts and undelivered notifications.",
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))

# The metrics of each collector, in the catalogue's order.
COLLECTORS: Mapping[CollectorName, tuple[Metric, ...]] = MappingProxyType(
    {each: tuple(metric for metric in CATALOGUE if metric.collector is each) for each in CollectorName}
)
# The collectors on which alerts of severity page depend.
CRITICAL_COLLECTORS = frozenset(each for each, metrics in COLLECTORS.items() if any(one.critical for one in metrics))
