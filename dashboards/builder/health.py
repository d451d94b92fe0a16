"""The page about the watcher: may its numbers be believed, and what does it cost?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.layout import DashboardSection, grid_row, panel_block
from dashboards.builder.limits import Limit, limits
from dashboards.builder.meanings import BAD, GOOD, WARN, map_boolean, map_value
from dashboards.builder.page import HEALTH, DashboardHeader, page
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.process import MEMORY, ProcessPanels
from dashboards.builder.promql import PROCESS_START, SELECTED, one, per_minute, pick, worst
from exporter.metrics import catalogue

_SERVER = (map_value(1, "STANDBY", WARN), map_value(0, "PRIMARY", GOOD))
_MISSING = (map_value(1, "missing", WARN), map_value(0, "there", GOOD))
REASONS = {
    "timeout": "orange",
    "lock": "yellow",
    "connection": "red",
    "rls": "purple",
    "permission": "super-light-purple",
    "schema": "light-blue",
    "stale": "dark-orange",
    "http": "blue",
    "payload": "dark-blue",
    "internal": "text",
}
# No red and no orange: a collector's colour says which one it is, not how it is.
_COLOURS = ("blue", "green", "purple", "light-blue", "light-green", "dark-blue", "light-purple", "yellow")
COLLECTORS = dict(zip((each.value for each in catalogue.Collector), _COLOURS, strict=True))


def health(policy: Policy) -> Dashboard:
    """The page, with the thresholds of this policy."""
    header = DashboardHeader(
        uid=HEALTH,
        title="Outbox exporter health",
        description="The exporter itself: freshness, failures by reason, cadence, cost, memory, notifications.",
        since="now-3h",
        refresh="30s",
    )
    own = _Panels(policy)
    return page(header, _sections(own, ProcessPanels(policy)), own.runbooks)


def _sections(own: "_Panels", process: ProcessPanels) -> Iterable[DashboardSection]:
    numbers = list(own.numbers())
    yield DashboardSection("", (grid_row(6, panel_block(24, numbers[:5], numbers[5:])),))
    yield DashboardSection(
        "May the numbers be believed",
        (
            grid_row(8, (12, own.outcomes()), (12, own.freshness())),
            grid_row(8, (8, own.failures()), (8, own.failing_collectors()), (8, own.runs())),
        ),
    )
    yield DashboardSection(
        "What watching costs",
        (
            grid_row(8, (8, own.cost()), (8, own.durations()), (8, own.cadence())),
            grid_row(6, (12, own.indexes()), (12, own.overflow())),
        ),
    )
    yield DashboardSection("Notifications", (grid_row(7, (12, process.waiting()), (12, process.notified())),))
    yield DashboardSection(
        "The process",
        (
            grid_row(7, (6, process.memory()), (6, process.cpu()), (6, process.descriptors()), (6, process.scrapes())),
            grid_row(4, (24, process.builds())),
        ),
    )


@dataclass(frozen=True)
class _Panels(PanelGroup):
    """What only this page shows."""

    def numbers(self) -> Iterator[stat.Panel]:
        """Is it there, does it see, does it speak?"""
        yield _flag(
            "Exporter", "Whether Prometheus gets an answer from every replica.", f"up{{{SELECTED}}}", "UP", "DOWN"
        )
        yield _flag(
            "Database",
            "Whether the last sample of the database succeeded. DOWN: it cannot be reached, or refuses the role.",
            pick(catalogue.UP),
            "UP",
            "DOWN",
        )
        yield panels.verdict(
            "Server",
            "Which server answers. STANDBY: what it shows may be a moment old, and it is no proof for the watch.",
            worst(pick(catalogue.SERVER_IN_RECOVERY)),
            *_SERVER,
        )
        lag = panels.number(
            "Replay lag",
            "How far a standby is behind the primary at most; none while a primary answers. Beyond "
            "database.max_replay_lag it is not sampled.",
            worst(pick(catalogue.SERVER_REPLAY_LAG)),
        )
        yield panels.says(lag.unit("s").decimals(1), unknown="none")
        yield _flag(
            "Configuration",
            "Whether the configuration in use is the one last asked for. OLD: the log lists the mistakes in the new "
            "one.",
            pick(catalogue.CONFIG_RELOAD_SUCCESSFUL),
            "IN USE",
            "OLD",
        )
        yield panels.number(
            "Failing",
            "Collectors whose last run failed; their series are missing.",
            worst(f"sum without (collector) (1 - {pick(catalogue.COLLECTOR_SUCCESS)})"),
            (Limit(1, WARN),),
        )
        yield (
            panels.number(
                "Sample age",
                "Time since the backlog was last sampled.",
                worst(self.signal("outbox:backlog_sample_age_seconds")),
                limits(self.policy, "OutboxSamplesStale"),
            )
            .unit("s")
            .decimals(1)
        )
        undelivered = panels.number(
            "Undelivered",
            "Notifications of the exporter that wait to be delivered. Any for minutes: that receiver hears nothing.",
            worst(pick(catalogue.NOTIFICATIONS_WAITING)),
            limits(self.policy, "OutboxNotificationsFailing"),
        )
        yield panels.says(undelivered, unknown="no receiver")
        started = worst(f"time() - {pick(PROCESS_START)}", least=True)
        yield panels.number("Up for", "Since the youngest replica started.", started).unit("s")
        yield panels.number("Memory", "Of the largest replica, resident.", worst(pick(MEMORY))).unit("bytes")

    def outcomes(self) -> statetimeline.Panel:
        """Does each collector succeed?"""
        return panels.timeline(
            "Collectors",
            "Whether each collector's last run succeeded. One is red: its table is locked, slow, or not visible; the "
            "reasons stand below, the sentence on the exporter's own page. All are red: the database.",
            PanelQuery(one(pick(catalogue.COLLECTOR_SUCCESS)), "{{collector}}"),
            states=map_boolean("succeeds", "fails"),
        )

    def freshness(self) -> timeseries.Panel:
        """How old is what it shows?"""
        panel = panels.lines(
            "Time since the last success",
            "By collector; a sawtooth as high as its interval. Its series vanish three sampling intervals after a "
            "renewal that failed or did not happen. Line: where a backlog that is not sampled becomes a page.",
            PanelQuery(
                f"time() - max without (instance, pod) ({pick(catalogue.COLLECTOR_LAST_SUCCESS)})", "{{collector}}"
            ),
        )
        panels.log_scale(panel, limits(self.policy, "OutboxSamplesStale"))
        return panels.coloured(panel, COLLECTORS).unit("s")

    def failures(self) -> timeseries.Panel:
        """Why do they fail?"""
        grown = f"increase({pick(catalogue.COLLECTOR_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Failures by reason",
            "timeout, lock: the database is busy or a migration holds the table. connection: it is away. rls, "
            "permission, schema: check-config says which grant or change. stale: a standby answers, too far behind. "
            "http, payload: the application.",
            PanelQuery(f"sum by (reason) ({grown})", "{{reason}}"),
        )
        return panels.coloured(panels.bars(panel), REASONS).axis_soft_max(1)

    def failing_collectors(self) -> timeseries.Panel:
        """Which ones fail?"""
        grown = f"increase({pick(catalogue.COLLECTOR_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Failures by collector",
            "Which question finds no answer. application alone: the application is away, the database is fine.",
            PanelQuery(f"sum by (collector) ({grown})", "{{collector}}"),
        )
        return panels.coloured(panels.bars(panel), COLLECTORS).axis_soft_max(1)

    def runs(self) -> timeseries.Panel:
        """Do they run?"""
        panel = panels.lines(
            "Runs per minute, and runs left out",
            "How often each collector ran. Left out: the run before was still going on. Runs left out again and again: "
            "the database answers slower than it is asked.",
            PanelQuery(f"sum by (job) ({per_minute(catalogue.COLLECTOR_SKIPPED)})", "left out"),
            PanelQuery(per_minute(catalogue.COLLECTOR_RUNS), "{{collector}}"),
        )
        return panels.coloured(panel, {**COLLECTORS, "left out": BAD})

    def cost(self) -> timeseries.Panel:
        """What share of the time is spent on it?"""
        duration, interval = one(pick(catalogue.COLLECTOR_DURATION)), one(pick(catalogue.COLLECTOR_INTERVAL))
        panel = panels.lines(
            "Cost: share of the interval",
            "Run time divided by interval. The budget for each database collector is sampling.budget_ratio, 1 % "
            "unless configured. Above it for long: the collector stretches its interval, see there, or the server is "
            "far away, for the way there and back takes time and nothing of the budget. application waits for HTTP and "
            "costs the database nothing.",
            PanelQuery(f"({duration}) / ({interval})", "{{collector}}"),
        )
        return panels.coloured(panels.log_scale(panel), COLLECTORS).unit("percentunit")

    def durations(self) -> timeseries.Panel:
        """How long do its questions take?"""
        panel = panels.lines(
            "Duration of the last run",
            "One collector climbs: its table has grown, or an index is missing. All climb: the database is busy.",
            PanelQuery(one(pick(catalogue.COLLECTOR_DURATION)), "{{collector}}"),
        )
        return panels.coloured(panels.log_scale(panel), COLLECTORS).unit("s")

    def cadence(self) -> timeseries.Panel:
        """How often does it ask?"""
        panel = panels.lines(
            "Interval in force",
            "How often each collector runs. Above sampling.interval: it would cost more than its budget, and is asked "
            "less often.",
            PanelQuery(one(pick(catalogue.COLLECTOR_INTERVAL)), "{{collector}}"),
        )
        return panels.coloured(panels.log_scale(panel), COLLECTORS).unit("s")

    def indexes(self) -> table.Panel:
        """What would make it cheaper?"""
        return panels.grid(
            "Indexes that help",
            "Missing: watching costs the database more than need be, or is done less often. The optional migration in "
            "exporter/sql/setup adds them.",
            "Not known: the catalogue has not been read.",
            (TableColumn("index", "Index"), TableColumn("Value", "State", mappings=_MISSING, width=90)),
            PanelQuery(f"sort_desc({one(pick(catalogue.HELPFUL_INDEX_MISSING))})"),
        )

    def overflow(self) -> timeseries.Panel:
        """Is anything cut off?"""
        dropped, skewed, unaccounted = (
            f"increase({pick(metric)}[$__rate_interval])"
            for metric in (catalogue.LABEL_VALUES_DROPPED, catalogue.CLOCK_SKEW_JOBS, catalogue.UNACCOUNTED_JOBS)
        )
        panel = panels.lines(
            "Cut off, and odd",
            "All 0 is well. Label values beyond sampling.label_limit count as `other`. Counted to the limit: the "
            "backlog is at least what is shown. Clock skew: jobs processed before they were created; the "
            "application's clock is behind. Removed: deleted while pending. Uncounted: left the backlog with a "
            "processed_at that is hours off, so that no counter has them. Odd rows: a time is infinite or out of "
            "range, or a value is missing, so that some number leaves them out; no series while there are none.",
            PanelQuery(one(dropped), "{{label}} values under other"),
            PanelQuery(one(skewed), "jobs with clock skew"),
            PanelQuery(one(unaccounted), "jobs {{kind}}"),
            PanelQuery(one(pick(catalogue.PENDING_TRUNCATED)), "counted to the limit"),
            PanelQuery(one(pick(catalogue.ODD_ROWS)), "{{table}}: {{kind}} rows"),
        )
        return panel.axis_soft_max(1)


def _flag(title: str, description: str, selector: str, good: str, bad: str) -> stat.Panel:
    """One word; bad when it is so for any replica."""
    states = map_boolean(good, bad)
    return panels.verdict(title, description, worst(selector, least=True), *states)
