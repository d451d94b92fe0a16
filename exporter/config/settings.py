"""The settings, frozen: each key with its meaning, unit and default. `exporter.config.loader` reads them.

Field names are the keys of the YAML file; the environment variable of a key is `OUTBOX_EXPORTER_<SECTION>_<KEY>`.
Durations are seconds here and `15s`, `5m`, `24h` in the file. A field of type `Secret` may also be given as
`<key>_file`, a file that holds it, or `<key>_command`, a command that prints it; both are read at each use. A duration
is positive; `Bounds` and `Pattern` narrow a type where a value would otherwise be accepted and fail later.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from exporter.core.types import (
    Address,
    Certificates,
    LogFormat,
    LogLevel,
    Ratio,
    Seconds,
    Secret,
    Url,
    WeeklyTime,
    Zone,
)
from exporter.outbox.mapping import Epoch, OutboxMapping
from exporter.outbox.resolve import resolve


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest number that makes sense, in the unit of the field."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern for the whole of a text, and its description."""

    regex: str
    meaning: str


# Identifiers are always quoted in our SQL, so capitals count. PostgreSQL cuts them after 63 bytes (NAMEDATALEN).
_IDENTIFIER = Pattern(r"[A-Za-z_][A-Za-z0-9_$]{0,62}", "a plain identifier of at most 63 bytes")

# Any name that PostgreSQL takes, of a table or column; it is always quoted.
_NAME = Pattern(r"[^\x00-\x1f]{1,63}", "a name of at most 63 characters, without quotes around it")

# Characters that an HTTP header carries unchanged: visible ASCII. A client library would quote others in its error.
_TOKEN = Pattern(r"[!-~]+", "a token without spaces and special characters")

# PagerDuty's "Integration Key" of an Events API v2 integration.
_ROUTING_KEY = Pattern(r"[A-Za-z0-9]{32}", "the 32 letters and digits of an Events API v2 integration key")

# Characters that need no quoting in a PromQL string.
JOB_NAME = Pattern(r"[A-Za-z0-9_.:/-]{1,100}", "at most 100 letters, digits and . _ : / -")

# The start of a watch. A time is in UTC, so that daylight saving time does not matter.
_START = Pattern(
    r"manual|migration|[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?Z",
    "manual, migration, or a time in UTC such as 2025-11-18T10:00Z",
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A threshold: a plain number, or a time in seconds."""

    value: float
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """Another threshold or for-duration for one rule of the policy, named as written; None leaves it as it is.

    `source` says where the threshold comes from; empty: from this configuration.
    """

    alert: str
    severity: str
    threshold: Amount | None = None
    hold_duration: Seconds | None = None
    source: str = ""


# The budget of a check of one's own: enough for upgrades and fail-overs, as in alerts/watch/checks/checks.yaml.
CHECK_STRETCH, CHECK_SHARE = Seconds(300), Ratio(0.01)


@dataclass(frozen=True, slots=True)
class CheckCondition:
    """A condition of a check of the watch: a recorded signal or a PromQL expression, compared with a limit.

    One of `signal` and `expr` is set. `comparison` is above, at_least or below; `limit` is written as a number, a
    duration, or a rule of the policy (OutboxStalled/page). `absent`: whether the condition holds without a value; None:
    that is unknown. `unit` is that of `expr`.
    """

    signal: str = ""
    expr: str = ""
    comparison: str = ""
    limit: str = ""
    absent: bool | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class CheckDefinition:
    """A check of one's own, in the form of alerts/watch/checks/checks.yaml.

    It may be breached for `stretch` seconds without interruption, and for `share` of the watch. `subject`, `good` and
    `bad` are the parts of its sentences; empty ones have a default.
    """

    title: str
    when: tuple[CheckCondition, ...]
    subject: str = ""
    good: str = ""
    bad: str = ""
    source: str = ""
    stretch: Seconds = CHECK_STRETCH
    share: Ratio = CHECK_SHARE
    excused: bool = False


@dataclass(frozen=True, slots=True)
class WatchCheck:
    """An entry of `watch.checks`: a check of one's own, or, without a definition, a change of a shipped check.

    One that is not `enabled` is left out; one that is `advisory` is evaluated and decides nothing.
    """

    name: str
    enabled: bool = True
    advisory: bool = False
    definition: CheckDefinition | None = None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The database to sample, and the limits on its use.

    `dsn` is a libpq connection string or URI; parts that it leaves out come from libpq's own variables (PGHOST, ...).
    `password` has precedence over one in the connection string.
    `timestamp_zone` is the time zone in which columns of type timestamp (without time zone) were written; without it
    such a column is refused, as its values are ambiguous.
    `max_replay_lag` is how far a standby may be behind its primary before its samples fail.
    """

    dsn: Secret = Secret("")
    password: Secret | None = None
    schema: Annotated[str, _IDENTIFIER] = "public"
    connect_timeout: Annotated[Seconds, Bounds(1, 60)] = Seconds(3)  # libpq counts whole seconds
    statement_timeout: Annotated[Seconds, Bounds(0.001, 3600)] = Seconds(5)  # 0 would switch it off
    lock_timeout: Annotated[Seconds, Bounds(0.001, 3600)] = Seconds(0.5)
    timestamp_zone: Zone | None = None
    max_replay_lag: Annotated[Seconds, Bounds(0.001, 31_536_000)] = Seconds(60)


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """The table of the jobs and the meaning of its columns and values, where it is not the default one.

    `profile` is the name of a known library's mapping; the other keys replace parts of it, or are the whole mapping.
    Their meaning: `exporter.outbox.mapping.OutboxMapping`. Names are those of the catalogue, unquoted.
    """

    profile: str | None = None
    table: Annotated[str, _NAME] | None = None
    schema: Annotated[str, _IDENTIFIER] | None = None
    id: tuple[Annotated[str, _NAME], ...] | None = None
    created: Annotated[str, _NAME] | None = None
    processed: Annotated[str, _NAME] | None = None
    failed: Annotated[str, _NAME] | None = None
    error: Annotated[str, _NAME] | None = None
    due: Annotated[str, _NAME] | None = None
    expires: Annotated[str, _NAME] | None = None
    last_attempt: Annotated[str, _NAME] | None = None
    epoch: Epoch | None = None
    attempts: Annotated[str, _NAME] | None = None
    max_attempts: Annotated[str, _NAME] | None = None
    running: Annotated[str, _NAME] | None = None
    deleted: Annotated[str, _NAME] | None = None
    queue: Annotated[str, _NAME] | None = None
    status: Annotated[str, _NAME] | None = None
    status_pending: tuple[str, ...] | None = None
    status_retrying: tuple[str, ...] | None = None
    status_running: tuple[str, ...] | None = None
    status_processed: tuple[str, ...] | None = None
    status_failed: tuple[str, ...] | None = None
    status_cancelled: tuple[str, ...] | None = None
    events_table: Annotated[str, _NAME] | None = None
    events_job: tuple[Annotated[str, _NAME], ...] | None = None
    events_type: Annotated[str, _NAME] | None = None
    events_at: Annotated[str, _NAME] | None = None
    events_queue: Annotated[str, _NAME] | None = None
    events_created: tuple[str, ...] | None = None
    events_processed: tuple[str, ...] | None = None
    events_failed: tuple[str, ...] | None = None
    queues_table: Annotated[str, _NAME] | None = None
    queues_id: Annotated[str, _NAME] | None = None
    queues_name: Annotated[str, _NAME] | None = None
    is_removed_when_processed: bool | None = None
    is_cancelled_below_max_attempts: bool | None = None

    def mapping(self) -> OutboxMapping:
        """What these keys mean. Raises: MappingProblem."""
        given = {each.name: getattr(self, each.name) for each in fields(OutboxMapping)}
        return resolve(self.profile, given)


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """The application's metrics endpoints, `<url>/metrics.<procedure>`.

    `timeout` bounds a whole answer, connecting included; `max_bytes` bounds its decoded size. `ca_file` holds the
    authorities that verify the application, in place of the well-known ones.
    """

    url: Url
    bearer_token: Annotated[Secret, _TOKEN] | None = None
    timeout: Annotated[Seconds, Bounds(0.01, 600)] = Seconds(5)
    max_bytes: Annotated[int, Bounds(1_000, 100_000_000)] = 1_000_000
    ca_file: Certificates | None = None


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """When and how much is sampled.

    `budget_ratio` is the share of wall time that each database collector may spend inside the database, and
    `rows_per_second` how many rows an informational collector may read on average; a collector over either runs less
    often, up to `max_interval`.
    `exhausted_attempts` is the number of attempts from which on a pending job counts as exhausted (the deployed
    processor retries five times). `label_limit` caps the values of queue, source and event labels.
    """

    interval: Annotated[Seconds, Bounds(0.1, 3600)] = Seconds(15)
    budget_ratio: Ratio = Ratio(0.01)
    rows_per_second: Annotated[int, Bounds(1, 1_000_000_000)] = 125
    max_interval: Annotated[Seconds, Bounds(0.1, 86400)] = Seconds(600)
    count_limit: Annotated[int, Bounds(1, 1_000_000_000)] = 1_000_000
    exhausted_attempts: Annotated[int, Bounds(1, 1_000_000)] = 5
    label_limit: Annotated[int, Bounds(1, 1_000)] = 20


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where /metrics is served. `config_file` holds TLS and basic auth in the exporter-toolkit's format.

    `enable_reload` allows a reload over HTTP; `reload_on_change` reloads when the configuration file has changed.

    `external_url` is the address at which people reach the status page; links in rules and notifications begin with it.
    """

    listen: Address = Address("0.0.0.0:9721")  # a container is scraped from outside
    config_file: Path | None = None
    enable_reload: bool = False
    reload_on_change: bool = False
    external_url: Url | None = None


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """The watch after the migration, and the directory of files that survive a restart: history, declared maintenance.

    `start` is the event that begins a watch: none (`manual`), the first time that the migration's versions are found
    as applied (`migration`), or a time. `state_dir` is created when it is first needed. `checks` are checks of one's
    own, and changes of the shipped ones; they take effect with the next watch.
    """

    duration: Annotated[Seconds, Bounds(1, 30 * 86400)] = Seconds(86400)
    start: Annotated[str, _START] = "manual"
    state_dir: Path = Path("state")
    checks: tuple[WatchCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """The receivers of notifications, and changes of the rules. Without receivers alerts are only on /metrics.

    Every Alertmanager of a cluster is listed: each gets every alert. `job` is the name of the scrape job in Prometheus.
    `time_scale` multiplies every duration of the policy, so that a test run takes minutes. `thresholds` change rules
    of alerts/policy.yaml. `runbook_base_url` is the address of the runbooks, `<base>/<alert>.md`; without it links lead
    to the exporter's own pages at `web.external_url`, and without either there are no links. `ca_file` holds the
    authorities that verify every receiver, in place of the well-known ones.

    `objective_time` and `objective_target` replace the latency objective of alerts/policy.yaml: the share of jobs to be
    processed within that time. Below 0.94 the fast burn, 14.4 times the error budget, would be more than all jobs.

    `drill` is when the alert OutboxDrill is sent to every receiver, once a week, with the severity `drill_severity`.
    """

    alertmanager_url: tuple[Url, ...] = ()
    alertmanager_bearer_token: Annotated[Secret, _TOKEN] | None = None
    pagerduty_routing_key: Annotated[Secret, _ROUTING_KEY] | None = None
    pagerduty_url: Url = Url("https://events.pagerduty.com/v2/enqueue")
    webhook_url: Url | None = None
    webhook_bearer_token: Annotated[Secret, _TOKEN] | None = None
    job: Annotated[str, JOB_NAME] = "outbox-exporter"
    time_scale: Ratio = Ratio(1)
    thresholds: tuple[Override, ...] = ()
    runbook_base_url: Url | None = None
    ca_file: Certificates | None = None
    objective_time: Seconds | None = None
    objective_target: Annotated[Ratio, Bounds(0.94, 0.9999)] | None = None
    drill: WeeklyTime | None = None
    drill_severity: Literal["page", "info"] = "page"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How events are logged on standard error."""

    level: LogLevel = "info"
    format: LogFormat = "text"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Without `application` the exporter samples the database alone."""

    database: DatabaseSettings = DatabaseSettings()
    outbox: OutboxSettings = OutboxSettings()
    application: ApplicationSettings | None = None
    sampling: SamplingSettings = SamplingSettings()
    web: WebSettings = WebSettings()
    watch: WatchSettings = WatchSettings()
    alerting: AlertingSettings = AlertingSettings()
    log: LogSettings = LogSettings()
