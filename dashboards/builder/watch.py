"""The dashboard of the watch after the migration: its state, coverage, and signals with their thresholds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy, Severity
from dashboards.builder import panels
from dashboards.builder.layout import DashboardSection, grid_row, panel_block
from dashboards.builder.limits import Limit, most_severe
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_boolean, map_value
from dashboards.builder.page import RUNBOOKS, WATCH, DashboardHeader, page
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, PanelGroup, one, pick, worst
from dashboards.builder.signals import SignalPanels
from exporter.metrics import catalogue, terms
from exporter.metrics.catalogue import Metric

_COLOURS = (CALM, CALM, GOOD, BAD, WARN)
_STATES = tuple(zip(catalogue.WATCH_STATES, _COLOURS, strict=True))
# The signals with a threshold above 0: a name that fits beside a bar, and the alert.
_SHARES = (
    (terms.BACKLOG.name, "OutboxBacklogHigh"),
    (terms.OLDEST_JOB.name, "OutboxStalled"),
    ("Oldest waiting job", "OutboxJobsWaitingLong"),
    (terms.HEAD_BLOCKED.name, "OutboxHeadBlocked"),
    (terms.PROCESSING_TIME.name, "OutboxProcessingSlow"),
    (terms.FAILURE_RATIO.name, "OutboxFailureRatioHigh"),
    (terms.INITIALISATION_FAILURES.name, "OutboxFsmFailureRateHigh"),
    ("Initialisations in 6 h", "OutboxFsmFailureBudgetBurn"),
    (terms.FALLBACK_ACTIVATIONS.name, "OutboxFallbacksFrequent"),
    (terms.FALLBACK_FAILURES.name, "OutboxFallbacksFailing"),
    (terms.OLDEST_EXPIRED_KEY.name, "OutboxCleanupOverdue"),
    ("Oldest processed", "OutboxRetentionOverdue"),
    (terms.SAMPLE_AGE.name, "OutboxSamplesStale"),
)


def watch(policy: Policy) -> Dashboard:
    """The dashboard, with the thresholds of this policy."""
    header = DashboardHeader(
        uid=WATCH,
        title="Outbox migration watch",
        description="The watch after the migration: its verdict, its coverage, and each signal with its threshold.",
        since="now-24h",
        refresh="1m",
    )
    signals = SignalPanels(policy)
    return page(header, _sections(signals, _WatchPanels(policy)), signals.runbooks)


def _sections(signals: SignalPanels, own: "_WatchPanels") -> Iterable[DashboardSection]:
    yield DashboardSection(
        "",
        (
            grid_row(4, (4, own.state()), *((4, number) for number in own.numbers())),
            grid_row(9, (8, own.shares()), (8, own.worst_shares()), (8, signals.conditions())),
        ),
    )
    yield DashboardSection(
        "Coverage and alerts",
        (
            grid_row(
                8, (8, own.coverage()), (11, own.samples()), panel_block(5, (own.maintenance(),), (own.unknown(),))
            ),
            grid_row(7, (8, signals.alerts()), (8, signals.prometheus_alerts()), (8, own.changes())),
        ),
    )
    yield DashboardSection(
        "Signals and thresholds",
        (
            grid_row(8, (8, signals.backlog()), (8, signals.ages()), (8, signals.processing_time())),
            grid_row(8, (8, signals.failures()), (8, signals.initialisations()), (8, signals.head())),
        ),
    )
    yield DashboardSection("Migration", (grid_row(10, (8, own.checks()), (16, own.check_list())),))
    yield DashboardSection("Rules and their sources", (grid_row(16, (24, own.policy_table())),), collapsed=True)


@dataclass(frozen=True)
class _WatchPanels(PanelGroup):
    """The panels that only this dashboard has."""

    def state(self) -> stat.Panel:
        """The state of the watch."""
        ranks = (
            f"{rank} * ({pick(catalogue.WATCH_STATE, _is(state))} == 1)" for rank, (state, _) in enumerate(_STATES)
        )
        return panels.verdict(
            "Watch",
            "The state of the watch. FAILED: read the reasons with `outbox-exporter watch report`, then run "
            "`outbox-exporter rollback-check`. INCONCLUSIVE: too little data; start it again. NO WATCH: start one with "
            "`outbox-exporter watch start`.",
            worst(" or ".join(ranks)),
            *(map_value(rank, state.upper(), colour) for rank, (state, colour) in enumerate(_STATES)),
        )

    def numbers(self) -> Iterator[stat.Panel]:
        """Times, coverage, and broken parts of the migration."""
        left = f"clamp_min({one(pick(catalogue.WATCH_END))} - time(), 0)"
        time_left = panels.number("Time left", "Time until the watch ends. A PASS is never early.", worst(left))
        yield panels.with_texts(time_left.unit("s"), map_value(0, "over", "text"), unknown="no watch")
        yield _moment("Began", "When the watch began (UTC).", catalogue.WATCH_START)
        yield _moment("Ends", "When the watch ends or ended (UTC).", catalogue.WATCH_END)
        coverage = panels.number(
            "Coverage",
            "Share of the watch with data. Missing data counts against a PASS; the report lists the gaps.",
            worst(pick(catalogue.WATCH_COVERAGE), least=True),
        )
        yield panels.with_texts(coverage.unit("percentunit").decimals(1), unknown="no watch")
        yield panels.number(
            terms.BROKEN_CHECKS.name,
            "Broken parts of the migration. The list below names them, and `outbox-exporter verify` the statement that "
            "fixes each.",
            worst(self.signal("outbox:migration_checks_broken")),
            (Limit(1, BAD),),
        )

    def shares(self) -> bargauge.Panel:
        """Each signal as a share of its threshold, now."""
        panel = panels.bar_gauges(
            "Share of each threshold now",
            "Each signal as a share of the threshold of its most severe alert. From 100 % on the alert is due, unless "
            "its other conditions do not hold. Unknown signals have no bar.",
            *self._shares(),
            limits=(Limit(1, BAD),),
        )
        return panel.unit("percentunit").max(1).decimals(0)

    def worst_shares(self) -> bargauge.Panel:
        """Each signal as a share of its threshold, at its worst."""
        panel = panels.worst_bar_gauges(
            "Share of each threshold at worst",
            "The worst value in the time shown, as a share of the threshold.",
            *self._shares(),
            limits=(Limit(1, BAD),),
        )
        return panel.unit("percentunit").max(1).decimals(0)

    def coverage(self) -> timeseries.Panel:
        """Coverage over time."""
        return panels.lines(
            "Coverage",
            "Share of the watch with data, over time. It decreases with each gap; the next panel shows the cause.",
            PanelQuery(one(pick(catalogue.WATCH_COVERAGE)), "coverage"),
            unit="percentunit",
            colours={"coverage": CALM},
            empty="There is no watch.",
        ).max(1)

    def samples(self) -> statetimeline.Panel:
        """Received, failed and missing samples over time."""
        return panels.timeline(
            "Samples: received, failed, missing",
            "Green: the collector's samples succeeded. Red: they failed; see the dashboard of the exporter. A gap: the "
            "exporter was not scraped. Both reduce coverage.",
            PanelQuery(one(f"up{{{SELECTED}}}"), "scrape"),
            PanelQuery(one(pick(catalogue.COLLECTOR_SUCCESS)), "{{collector}}"),
            PanelQuery(f"1 + {one(pick(catalogue.MAINTENANCE_ACTIVE))} > 1", "declared maintenance"),
            states=(*map_boolean("received", "failed"), map_value(2, "declared", CALM)),
        )

    def changes(self) -> table.Panel:
        """The latest change of each kind."""
        return panels.data_table(
            "Latest changes",
            "The latest change of each kind that the exporter has seen: restarts, fail-overs, definitions, settings, "
            "locks, clock steps. `outbox-exporter watch report` names them, and those before each breach.",
            "No change was seen.",
            (TableColumn("kind", "Change"), TableColumn("Value", "Ago", "s", width=110)),
            PanelQuery(f"sort(time() - {one(pick(catalogue.CHANGE))})"),
        )

    def maintenance(self) -> stat.Panel:
        """The declared end of the maintenance."""
        description = "The declared end of a maintenance that is not ended (UTC). In the past: end it."
        return _moment("Maintenance", description, catalogue.MAINTENANCE_DECLARED_END, "none declared")

    def unknown(self) -> stat.Panel:
        """Parts of the migration that are not visible."""
        return panels.number(
            "Unknown checks",
            "Parts of the migration that are not visible to the exporter's role.",
            worst(pick(catalogue.MIGRATION_CHECKS, 'status="unknown"')),
        )

    def checks(self) -> timeseries.Panel:
        """Parts of the migration by status."""
        panel = panels.lines(
            "Checks of the migration",
            "Parts of the migration that are intact, broken, or not visible to the exporter's role. Unknown is usual "
            "for pg_cron's jobs, which are visible to their owner only.",
            PanelQuery(one(pick(catalogue.MIGRATION_CHECKS)), "{{status}}"),
            colours={"ok": GOOD, "broken": BAD, "unknown": "text"},
        )
        return panels.stacked(panel).unit(panels.COUNT).decimals(0)

    def check_list(self) -> table.Panel:
        """Each part of the migration."""
        return panels.data_table(
            "Each check",
            "Broken ones come first. Unknown ones are not listed. `outbox-exporter verify` explains and fixes each.",
            "Unknown: the migration has not been checked.",
            (
                TableColumn("check", "Check"),
                TableColumn("Value", "State", mappings=map_boolean("intact", "broken"), width=90),
            ),
            PanelQuery(f"sort({one(pick(catalogue.MIGRATION_CHECK_OK))})"),
        )

    def policy_table(self) -> text.Panel:
        """Every rule with its source."""
        rows = [
            f"| {_linked(rule.key.alert)} | {rule.key.severity} | {rule.summary} | {rule.source} |"
            for rule in self.policy.rules
            if rule.key.severity is not Severity.NONE
        ]
        heading = "| Alert | Severity | Summary | Source of the threshold |\n|---|---|---|---|"
        return panels.markdown_text(
            "The policy",
            "Every rule that the watch, the alerts and the limits of these dashboards use. The name of an alert links "
            "to its runbook.",
            "\n".join((heading, *rows)),
        )

    def _shares(self) -> Iterator[PanelQuery]:
        for name, alert in _SHARES:
            rule = most_severe(self.policy, alert)
            if rule.signal is None:
                raise LookupError(f"{rule.key} compares no signal")
            yield PanelQuery(f"{self.signal(rule.signal)} / {rule.threshold:g}", name)


def _moment(title: str, description: str, metric: Metric, otherwise: str = "no watch") -> stat.Panel:
    panel = panels.number(title, description, worst(f"1000 * {pick(metric)}"))
    return panels.with_texts(panel.unit("dateTimeAsIso"), unknown=otherwise)


def _linked(alert: str) -> str:
    """The name of an alert with a link to its runbook, in Markdown."""
    return f"[{alert}](${{{RUNBOOKS}}}/{alert}.md)"


def _is(state: str) -> str:
    return f'state="{state}"'
