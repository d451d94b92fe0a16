"""The page of the 24 hours after the migration: how it stands, what was seen, every check against its threshold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy, Severity
from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.layout import DashboardSection, grid_row, panel_block
from dashboards.builder.limits import Limit, gravest
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_boolean, map_value
from dashboards.builder.page import RUNBOOKS, WATCH, DashboardHeader, page
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, one, pick, worst
from dashboards.builder.signals import SignalPanels
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric

_COLOURS = (CALM, CALM, GOOD, BAD, WARN)
_STATES = tuple(zip(catalogue.WATCH_STATES, _COLOURS, strict=True))
# What has a threshold above none, so that there is a near and a far: a name that fits beside a bar, and the alert.
_SHARES = (
    ("Backlog", "OutboxBacklogHigh"),
    ("Oldest job", "OutboxStalled"),
    ("First try", "OutboxJobsWaitingLong"),
    ("Head blocked", "OutboxHeadBlocked"),
    ("p95 time", "OutboxProcessingSlow"),
    ("Jobs failing", "OutboxFailureRatioHigh"),
    ("Starts failing", "OutboxFsmFailureRateHigh"),
    ("Starts, 6 hours", "OutboxFsmFailureBudgetBurn"),
    ("Fallbacks", "OutboxFallbacksFrequent"),
    ("Fallbacks fail", "OutboxFallbacksFailing"),
    ("Expired key", "OutboxCleanupOverdue"),
    ("Oldest kept", "OutboxRetentionOverdue"),
    ("Sample age", "OutboxSamplesStale"),
)


def watch(policy: Policy) -> Dashboard:
    """The page, with the thresholds of this policy."""
    header = DashboardHeader(
        uid=WATCH,
        title="Outbox migration watch",
        description="The watch after the migration: its verdict, what was seen of the time, and every check against "
        "its threshold.",
        since="now-24h",
        refresh="1m",
    )
    signals = SignalPanels(policy)
    return page(header, _sections(signals, _Panels(policy)), signals.runbooks)


def _sections(signals: SignalPanels, own: "_Panels") -> Iterable[DashboardSection]:
    yield DashboardSection(
        "",
        (
            grid_row(4, (4, own.state()), *((4, number) for number in own.numbers())),
            grid_row(9, (8, own.shares()), (8, own.worst_shares()), (8, signals.holds())),
        ),
    )
    yield DashboardSection(
        "What was seen, and what fired",
        (
            grid_row(8, (8, own.coverage()), (11, own.seen()), panel_block(5, (own.maintenance(),), (own.unknown(),))),
            grid_row(7, (12, signals.alerts()), (12, signals.prometheus_alerts())),
        ),
    )
    yield DashboardSection(
        "Checks against their thresholds",
        (
            grid_row(8, (8, signals.backlog()), (8, signals.ages()), (8, signals.speed())),
            grid_row(8, (8, signals.failures()), (8, signals.initialisations()), (8, signals.head())),
        ),
    )
    yield DashboardSection("The migration itself", (grid_row(10, (8, own.checks()), (16, own.check_list())),))
    yield DashboardSection("What is judged, and why", (grid_row(16, (24, own.policy_in_words())),), collapsed=True)


@dataclass(frozen=True)
class _Panels(PanelGroup):
    """What only this page shows."""

    def state(self) -> stat.Panel:
        told = (f"{rank} * ({pick(catalogue.WATCH_STATE, _is(state))} == 1)" for rank, (state, _) in enumerate(_STATES))
        return panels.verdict(
            "Watch",
            "Where the watch stands. FAILED: read the reasons with `outbox-exporter watch report`, then ask "
            "`outbox-exporter rollback-check`. INCONCLUSIVE: too little was seen; begin it again. NO WATCH: begin one "
            "with `outbox-exporter watch start`.",
            worst(" or ".join(told)),
            *(map_value(rank, state.upper(), colour) for rank, (state, colour) in enumerate(_STATES)),
        )

    def numbers(self) -> Iterator[stat.Panel]:
        """Its time, what was seen of it, and the migration's checks."""
        left = f"clamp_min({one(pick(catalogue.WATCH_END))} - time(), 0)"
        time_left = panels.number("Time left", "Until the watch ends. There is no early PASS.", worst(left))
        yield panels.says(time_left.unit("s"), map_value(0, "over", "text"), unknown="no watch")
        yield _moment("Began", "When the watch began (UTC).", catalogue.WATCH_START)
        yield _moment("Ends", "When the watch ends or ended (UTC).", catalogue.WATCH_END)
        coverage = panels.number(
            "Coverage",
            "How much of the watch was seen. What was not seen counts against a PASS: gaps are named in the report.",
            worst(pick(catalogue.WATCH_COVERAGE), least=True),
        )
        yield panels.says(coverage.unit("percentunit").decimals(1), unknown="no watch")
        yield panels.number(
            "Broken",
            "Checks of the migration that found something broken; the list below names them, and "
            "`outbox-exporter verify` the statement that mends each.",
            worst(self.signal("outbox:migration_checks_broken")),
            (Limit(1, BAD),),
        )

    def shares(self) -> bargauge.Panel:
        """Each signal as a share of its threshold, which makes them comparable."""
        panel = panels.bar_gauges(
            "How near each limit is now",
            "Each signal as a share of the threshold of its gravest alert: from 100 % on the alert is due, unless its "
            "other conditions excuse it. What is not known now has no bar.",
            *self._shares(),
            limits=(Limit(1, BAD),),
        )
        return panel.unit("percentunit").max(1).decimals(0)

    def worst_shares(self) -> bargauge.Panel:
        """The same, at its worst."""
        panel = panels.worst_bar_gauges(
            "How near each limit came",
            "The worst of the time shown, as a share of the threshold: whether the watch has had a bad hour.",
            *self._shares(),
            limits=(Limit(1, BAD),),
        )
        return panel.unit("percentunit").max(1).decimals(0)

    def coverage(self) -> timeseries.Panel:
        panel = panels.lines(
            "Coverage",
            "How much of the watch was seen, as it went on. A step down is a gap; beside it stands what was not seen.",
            PanelQuery(one(pick(catalogue.WATCH_COVERAGE)), "seen"),
        )
        return panels.coloured(panel.unit("percentunit").max(1), {"seen": CALM}).no_value("There is no watch.")

    def seen(self) -> statetimeline.Panel:
        return panels.timeline(
            "Samples: seen, failed, missing",
            "Green: that collector's samples came. Red: they failed, see the page of the exporter. A gap: the "
            "exporter was not scraped. Both are time that was not watched.",
            PanelQuery(one(f"up{{{SELECTED}}}"), "scrape"),
            PanelQuery(one(pick(catalogue.COLLECTOR_SUCCESS)), "{{collector}}"),
            PanelQuery(f"1 + {one(pick(catalogue.MAINTENANCE_ACTIVE))} > 1", "declared maintenance"),
            states=(*map_boolean("seen", "failed"), map_value(2, "declared", CALM)),
        )

    def maintenance(self) -> stat.Panel:
        description = (
            "Until when the maintenance that nobody has ended was declared (UTC). In the past: it overruns, end it."
        )
        return _moment("Maintenance", description, catalogue.MAINTENANCE_DECLARED_END, "none declared")

    def unknown(self) -> stat.Panel:
        return panels.number(
            "Unseen",
            "Parts of the migration that the exporter's role cannot see. They prove nothing.",
            worst(pick(catalogue.MIGRATION_CHECKS, 'status="unknown"')),
        )

    def checks(self) -> timeseries.Panel:
        panel = panels.lines(
            "Checks of the migration",
            "How many parts of the migration are intact, broken, or cannot be seen by the exporter's role. Unknown is "
            "usual for pg_cron's jobs, which only their owner sees.",
            PanelQuery(one(pick(catalogue.MIGRATION_CHECKS)), "{{status}}"),
        )
        return panels.coloured(panels.stacked(panel), {"ok": GOOD, "broken": BAD, "unknown": "text"})

    def check_list(self) -> table.Panel:
        return panels.grid(
            "Each check",
            "Broken ones come first. What is not listed cannot be seen. `outbox-exporter verify` tells what is wrong "
            "and how to mend it.",
            "Not known: the migration has not been looked at.",
            (
                TableColumn("check", "Check"),
                TableColumn("Value", "State", mappings=map_boolean("intact", "broken"), width=90),
            ),
            PanelQuery(f"sort({one(pick(catalogue.MIGRATION_CHECK_OK))})"),
        )

    def policy_in_words(self) -> text.Panel:
        rows = [
            f"| {_linked(rule.key.alert)} | {rule.key.severity} | {rule.summary} | {rule.source} |"
            for rule in self.policy.rules
            if rule.key.severity is not Severity.NONE
        ]
        heading = "| Alert | Severity | Says | Why this threshold |\n|---|---|---|---|"
        return panels.words(
            "The policy",
            "Every rule that the watch, the alerts and the lines on these pages are made of. The name of an alert "
            "leads to its runbook.",
            "\n".join((heading, *rows)),
        )

    def _shares(self) -> Iterator[PanelQuery]:
        for name, alert in _SHARES:
            rule = gravest(self.policy, alert)
            if rule.signal is None:
                raise LookupError(f"{rule.key} compares no signal")
            yield PanelQuery(f"{self.signal(rule.signal)} / {rule.threshold:g}", name)


def _moment(title: str, description: str, metric: Metric, otherwise: str = "no watch") -> stat.Panel:
    panel = panels.number(title, description, worst(f"1000 * {pick(metric)}"))
    return panels.says(panel.unit("dateTimeAsIso"), unknown=otherwise)


def _linked(alert: str) -> str:
    """The name of an alert that leads to its runbook, in Markdown."""
    return f"[{alert}](${{{RUNBOOKS}}}/{alert}.md)"


def _is(state: str) -> str:
    return f'state="{state}"'
