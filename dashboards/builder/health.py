"""The dashboard of the exporter itself: freshness, failures, cost, process."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from dashboards.builder import panels
from dashboards.builder.layout import DashboardSection, grid_row, panel_block
from dashboards.builder.limits import Limit, limits
from dashboards.builder.meanings import BAD, GOOD, NEUTRAL, WARN, map_boolean, map_value
from dashboards.builder.page import HEALTH, DashboardHeader, page
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.process import MEMORY, ProcessPanels
from dashboards.builder.promql import PROCESS_START, SELECTED, PanelGroup, one, per_minute, pick, worst
from exporter.metrics import catalogue, terms

_SERVER = (map_value(1, "STANDBY", WARN), map_value(0, "PRIMARY", GOOD))
_MISSING = (map_value(1, "missing", WARN), map_value(0, "there", GOOD))
REASONS = {
    "timeout": "orange",
    "lock": "yellow",
    "connection": "red",
    "authentication": "dark-red",
    "rls": "purple",
    "permission": "super-light-purple",
    "schema": "light-blue",
    "stale": "dark-orange",
    "http": "blue",
    "payload": "dark-blue",
    "internal": "text",
}
# Neither red nor orange: the colour of a collector is no status.
_COLOURS = ("blue", "green", "purple", "light-blue", "light-green", "dark-blue", "light-purple", "yellow", "dark-green")
COLLECTORS = dict(zip((each.value for each in catalogue.CollectorName), _COLOURS, strict=True))


def health(policy: Policy) -> Dashboard:
    """The dashboard, with the thresholds of this policy."""
    header = DashboardHeader(
        uid=HEALTH,
        title="Outbox exporter health",
        description="The exporter itself: freshness, failures by reason, intervals, cost, memory, notifications.",
        since="now-3h",
        refresh="30s",
    )
    own = _HealthPanels(policy)
    return page(header, _sections(own, ProcessPanels(policy)), own.runbooks)


def _sections(own: "_HealthPanels", process: ProcessPanels) -> Iterable[DashboardSection]:
    yield DashboardSection("", (grid_row(6, panel_block(24, list(own.availability()), list(own.operation()))),))
    yield DashboardSection(
        "Freshness and failures",
        (
            grid_row(8, (10, own.outcomes()), (6, own.sample_ages()), (8, own.overdue())),
            grid_row(8, (8, own.failures()), (8, own.failing_collectors()), (8, own.runs())),
        ),
    )
    yield DashboardSection(
        "Cost",
        (
            grid_row(8, (8, own.cost()), (8, own.durations()), (8, own.intervals())),
            grid_row(6, (12, own.indexes()), (12, own.truncation())),
        ),
    )
    sent = (process.waiting(), process.notified(), process.delays(), process.drills())
    yield DashboardSection("Notifications", (grid_row(7, *((6, each) for each in sent)),))
    usage = (process.memory(), process.cpu(), process.descriptors(), process.scrapes())
    yield DashboardSection(
        "Process", (grid_row(7, *((6, each) for each in usage)), grid_row(4, (24, process.builds())))
    )


@dataclass(frozen=True)
class _HealthPanels(PanelGroup):
    """The panels that only this dashboard has."""

    def availability(self) -> Iterator[stat.Panel]:
        """The exporter, the database, and what is configured and stored."""
        yield _flag("Exporter", "Whether Prometheus can scrape every replica.", f"up{{{SELECTED}}}", "UP", "DOWN")
        yield _flag(
            "Database",
            "Whether the last sample of the database succeeded. DOWN: it is unreachable, or refuses the role.",
            pick(catalogue.UP),
            "UP",
            "DOWN",
        )
        yield panels.verdict(
            "Server",
            "Which server answers. STANDBY: its data may be a moment old, and is no evidence for the watch.",
            worst(pick(catalogue.SERVER_IN_RECOVERY)),
            *_SERVER,
        )
        lag = panels.number(
            "Replay lag",
            "How far a standby is behind the primary at most; none on a primary. Beyond database.max_replay_lag it is "
            "not sampled.",
            worst(pick(catalogue.SERVER_REPLAY_LAG)),
        )
        yield panels.with_texts(lag.unit("s").decimals(1), unknown="none")
        yield _flag(
            "Configuration",
            "Whether the last reload succeeded. OLD: the log lists the errors of the new configuration.",
            pick(catalogue.CONFIG_RELOAD_SUCCESSFUL),
            "IN USE",
            "OLD",
        )
        yield _flag(
            "State",
            "Whether the exporter stores its state. LOST AT RESTART: watch.state_dir cannot be written, or another "
            "exporter uses it; the log and the status page have the reason.",
            pick(catalogue.STATE_STORED),
            "STORED",
            "LOST AT RESTART",
        )

    def operation(self) -> Iterator[stat.Panel]:
        """Failing collectors, freshness, notifications and resources."""
        yield panels.number(
            "Failing collectors",
            "Collectors whose last run failed. Their series are missing.",
            worst(f"sum without (collector) (1 - {pick(catalogue.COLLECTOR_SUCCESS)})"),
            (Limit(1, WARN),),
        )
        sample_age = panels.number(
            terms.SAMPLE_AGE.name,
            "Time since the backlog was last sampled.",
            worst(self.signal("outbox:backlog_sample_age_seconds")),
            limits(self.policy, "OutboxSamplesStale"),
        )
        yield sample_age.unit("s").decimals(1)
        undelivered = panels.number(
            "Undelivered",
            "Waiting notifications of the exporter. Any for minutes: that receiver gets none.",
            worst(pick(catalogue.NOTIFICATIONS_WAITING)),
            limits(self.policy, "OutboxNotificationsFailing"),
        )
        yield panels.with_texts(undelivered, unknown="no receiver")
        drill = panels.number(
            "Drill",
            "Whether a drill of the way of alerts is scheduled, or takes place now. Unknown: none is configured.",
            worst(pick(catalogue.DRILL_ACTIVE)),
        )
        states = (map_value(1, "now", NEUTRAL), map_value(0, "scheduled", GOOD))
        yield panels.with_texts(drill, *states, unknown="none")
        started = worst(f"time() - {pick(PROCESS_START)}", least=True)
        yield panels.number("Up for", "Time since the latest start of a replica.", started).unit("s")
        yield panels.number("Memory", "Resident memory of the largest replica.", worst(pick(MEMORY))).unit("bytes")

    def outcomes(self) -> statetimeline.Panel:
        """The success of each collector over time."""
        return panels.timeline(
            "Collectors",
            "Whether each collector's last run succeeded. One is red: its table is locked, slow, or not visible; see "
            "the reasons below, and the message on the exporter's status page. All are red: the database.",
            PanelQuery(one(pick(catalogue.COLLECTOR_SUCCESS)), "{{collector}}"),
            states=map_boolean("succeeds", "fails"),
        )

    def sample_ages(self) -> timeseries.Panel:
        """The age of the latest sample of the backlog."""
        return panels.lines(
            terms.SAMPLE_AGE.name,
            "Time since the backlog was last sampled. Line: where it becomes a page.",
            PanelQuery(self.signal("outbox:backlog_sample_age_seconds"), "backlog"),
            unit=panels.SECONDS,
            colours={"backlog": COLLECTORS["backlog"]},
            limits=limits(self.policy, "OutboxSamplesStale"),
        )

    def overdue(self) -> timeseries.Panel:
        """How long each collector has had no success beyond its interval."""
        success = f"max without (instance, pod) ({pick(catalogue.COLLECTOR_LAST_SUCCESS)})"
        return panels.lines(
            "Overdue samples",
            "Time since a collector's last success, less its interval: about 0 for a healthy collector, however long "
            "its interval is. Its series disappear three sampling intervals after a run failed or was due.",
            PanelQuery(
                f"clamp_min(time() - {success} - ({one(pick(catalogue.COLLECTOR_INTERVAL))}), 0)", "{{collector}}"
            ),
            unit=panels.SECONDS,
            colours=COLLECTORS,
        ).axis_soft_max(30)

    def failures(self) -> timeseries.Panel:
        """Failures by reason."""
        increase = f"increase({pick(catalogue.COLLECTOR_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Failures by reason",
            "timeout, lock: the database is busy or a migration holds the table. connection, authentication: it is "
            "unreachable, or refuses the role. rls, permission, schema: check-config names the grant or change. stale: "
            "a standby is too far behind. http, payload: the application.",
            PanelQuery(f"sum by (reason) ({increase})", "{{reason}}"),
            colours=REASONS,
        )
        return panels.bars(panel).axis_soft_max(1).unit(panels.COUNT).decimals(0)

    def failing_collectors(self) -> timeseries.Panel:
        """Failures by collector."""
        increase = f"increase({pick(catalogue.COLLECTOR_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Failures by collector",
            "Which collector fails. Only application: the application is unreachable, the database is not.",
            PanelQuery(f"sum by (collector) ({increase})", "{{collector}}"),
            colours=COLLECTORS,
        )
        return panels.bars(panel).axis_soft_max(1).unit(panels.COUNT).decimals(0)

    def runs(self) -> timeseries.Panel:
        """Runs and skipped runs."""
        return panels.lines(
            "Runs per minute",
            "How often each collector runs. Skipped: the previous run was not finished. Repeatedly: the database "
            "answers more slowly than the sampling interval.",
            PanelQuery(f"sum by (job) ({per_minute(catalogue.COLLECTOR_SKIPPED)})", "skipped"),
            PanelQuery(per_minute(catalogue.COLLECTOR_RUNS), "{{collector}}"),
            colours={**COLLECTORS, "skipped": BAD},
        )

    def cost(self) -> timeseries.Panel:
        """The share of time that each collector runs."""
        duration, interval = one(pick(catalogue.COLLECTOR_DURATION)), one(pick(catalogue.COLLECTOR_INTERVAL))
        return _by_collector(
            "Cost: run time per second",
            "Run time divided by interval. The budget of each database collector is sampling.budget_ratio, 1 % by "
            "default, which is 10 ms per second. Above it for long: the collector runs less often, or the server is "
            "far away, because the network round-trip time does not count. application waits for HTTP and costs the "
            "database nothing.",
            f"({duration}) / ({interval})",
            "s",
        )

    def durations(self) -> timeseries.Panel:
        """The duration of the last run of each collector."""
        return _by_collector(
            "Duration of the last run",
            "One collector climbs: its table has grown, or an index is missing. All climb: the database is busy.",
            one(pick(catalogue.COLLECTOR_DURATION)),
            "s",
        )

    def intervals(self) -> timeseries.Panel:
        """The effective interval of each collector."""
        return _by_collector(
            "Effective interval",
            "How often each collector runs. Above sampling.interval: it would exceed its budget.",
            one(pick(catalogue.COLLECTOR_INTERVAL)),
            panels.SECONDS,
        )

    def indexes(self) -> table.Panel:
        """Missing indexes."""
        return panels.data_table(
            "Helpful indexes",
            "Missing: sampling costs the database more than necessary, or is less frequent. The optional migration in "
            "exporter/sql/setup adds them.",
            "Unknown: the catalogue has not been read.",
            (TableColumn("index", "Index"), TableColumn("Value", "State", mappings=_MISSING, width=90)),
            PanelQuery(f"sort_desc({one(pick(catalogue.HELPFUL_INDEX_MISSING))})"),
        )

    def truncation(self) -> timeseries.Panel:
        """Values that are incomplete."""
        dropped, skewed, unaccounted = (
            f"increase({pick(metric)}[$__rate_interval])"
            for metric in (catalogue.LABEL_VALUES_DROPPED, catalogue.CLOCK_SKEW_JOBS, catalogue.UNACCOUNTED_JOBS)
        )
        return (
            panels.lines(
                "Truncation and odd rows",
                "All 0 is well. Label values beyond sampling.label_limit count as `other`. Counted to the limit: "
                "the backlog is at least the value shown. Clock skew: jobs processed before they were created; the "
                "application's clock is behind. Removed: deleted while pending. Uncounted: left the backlog with a "
                "processed_at that is hours off, so no counter includes them. Doubled: processed_at was set twice. "
                "Odd rows: a time is infinite or out of range, or a value is missing, so some metrics leave them "
                "out; no series while there are none.",
                PanelQuery(one(dropped), "{{label}} values under other"),
                PanelQuery(one(skewed), "jobs with clock skew"),
                PanelQuery(one(unaccounted), "jobs {{kind}}"),
                PanelQuery(one(pick(catalogue.PENDING_TRUNCATED)), "counted to the limit"),
                PanelQuery(one(pick(catalogue.ODD_ROWS)), "{{table}}: {{kind}} rows"),
            )
            .axis_soft_max(1)
            .unit(panels.COUNT)
            .decimals(0)
        )


def _by_collector(title: str, description: str, query: str, unit: str) -> timeseries.Panel:
    """A line for each collector, on a logarithmic scale."""
    panel = panels.lines(title, description, PanelQuery(query, "{{collector}}"), unit=unit, colours=COLLECTORS)
    return panels.log_scale(panel)


def _flag(title: str, description: str, selector: str, good: str, bad: str) -> stat.Panel:
    """One word; the bad one if it applies to any replica."""
    return panels.verdict(title, description, worst(selector, least=True), *map_boolean(good, bad))
