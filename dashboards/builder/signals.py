"""Panels of the policy's signals with their thresholds, and of alerts. Several dashboards show them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import ValueMapping

from alerts.model import DRILL
from alerts.policy.objective import bucket_label
from dashboards.builder import panels
from dashboards.builder.limits import limits, most_severe
from dashboards.builder.meanings import BAD, CALM, GOOD, NEUTRAL, WARN, map_boolean, map_text, map_value
from dashboards.builder.page import RUNBOOKS
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, SELECTED_JOB, PanelGroup, age_when_sampled, minutes, one, pick, worst
from exporter.config.values import format_duration
from exporter.metrics import catalogue, terms

STATE_COLOURS = {"waiting": CALM, "failing": WARN, "exhausted": BAD}
_SEVERITIES = (map_value(2, "page", BAD), map_value(1, "ticket", WARN))
# Minutes. Lower ages would stretch a logarithmic axis.
_LEAST_AGE = 0.01
# Muted alerts come after all others.
_MUTED = 10
_RANKS = (
    *_SEVERITIES,
    map_value(2 - _MUTED, "page, muted", NEUTRAL),
    map_value(1 - _MUTED, "ticket, muted", NEUTRAL),
)


@dataclass(frozen=True)
class SignalPanels(PanelGroup):
    """Panels of signals and alerts."""

    def verdict(self) -> stat.Panel:
        """The highest severity of the firing alerts."""
        return panels.verdict(
            "Verdict",
            "The most severe firing alert, as the exporter evaluates it. PAGE: act now; the table of firing alerts "
            "links to its runbook. TICKET: act in office hours. Unknown: check the exporter first.",
            worst(_graded(_evaluated_by_exporter)),
            map_value(0, "ALL WELL", GOOD),
            map_value(1, "TICKET", WARN),
            map_value(2, "PAGE", BAD),
        )

    def firing(self) -> table.Panel:
        """The firing alerts, with links to their runbooks."""
        runbook = f"${{{RUNBOOKS}}}/${{__value.raw}}.md"
        return panels.data_table(
            "Firing now",
            "The alerts that fire, as the exporter evaluates them: causes first, pages before tickets, then those that "
            "another alert mutes, which send no notification of their own. The name of an alert links to its runbook.",
            "No alert fires.",
            (
                TableColumn("alert", "Alert", width=205, link=runbook),
                TableColumn("Value #A", "Severity", mappings=_RANKS, width=105),
                TableColumn("summary", "Summary", mappings=self._summaries()),
                TableColumn("by", "Muted by", width=160),
            ),
            PanelQuery(_copied("alert", "summary", f"max by (alert) ({_ranked()})")),
            PanelQuery(
                _without_prefix(
                    "by", f"max by (alert, by) ({pick(catalogue.ALERT_MUTED)}) unless on (alert) ({_loud()})"
                )
            ),
            highest_first="Severity",
        )

    def alerts(self) -> statetimeline.Panel:
        """The exporter's alerts over time."""
        return panels.timeline(
            "Alerts over time",
            "Which alert fired when, as the exporter evaluates it. The first one is usually the cause of the others.",
            PanelQuery(_shortened("alert", _graded(_firing)), "{{alert}}"),
            states=_SEVERITIES,
            empty="No alert has fired in the time shown.",
        )

    def prometheus_alerts(self) -> statetimeline.Panel:
        """Prometheus' alerts over time."""
        return panels.timeline(
            "Alerts over time, by Prometheus",
            "Needs the shipped rule file. It should agree with the exporter's evaluation. A difference: one of them "
            "has an older policy, or missed samples.",
            PanelQuery(_shortened("alertname", _graded(_firing_in_prometheus)), "{{alertname}}"),
            states=_SEVERITIES,
            empty="No alert has fired in the time shown, or the rules are not loaded.",
        )

    def conditions(self) -> statetimeline.Panel:
        """The conditions of a healthy outbox over time."""
        rows = pick(catalogue.COLLECTOR_SUCCESS, 'collector=~"backlog|throughput|last_hour|events|idempotency"')
        return panels.timeline(
            "Health conditions",
            "Red: broken, and since when. A gap: unknown. Begin with the first red bar from the top, which may be the "
            "cause of those below.",
            PanelQuery(one(f"up{{{SELECTED}}}"), "Exporter is scraped"),
            PanelQuery(one(pick(catalogue.UP)), "Database answers"),
            PanelQuery(f"min without (collector) ({one(rows)})", "Rows are read"),
            PanelQuery(self._is_moving(), "Jobs are processed"),
            PanelQuery(f"1 - clamp_max({self.signal('outbox:exhausted_jobs')}, 1)", "No job is exhausted"),
            PanelQuery(f"min without (endpoint) ({one(pick(catalogue.APP_UP))})", "Application answers"),
            PanelQuery(one(pick(catalogue.APP_HEALTHY)), "Application is healthy"),
            PanelQuery(f"1 - clamp_max({self.signal('outbox:migration_checks_broken')}, 1)", "Migration is intact"),
            PanelQuery(self._is_cleaned(), "Clean-up runs"),
            states=map_boolean(),
        )

    def backlog(self) -> timeseries.Panel:
        """Pending jobs by state."""
        panel = panels.lines(
            f"{terms.BACKLOG} by state",
            "Pending jobs: waiting (never tried), failing (tried), exhausted (attempts used up). Lines: where a "
            "high backlog that does not drain becomes a ticket, and a page. Waiting grows: the processor is slow or "
            "down. Failing or exhausted grows: jobs fail; check the table of queues.",
            PanelQuery(self.signal("outbox:backlog_jobs"), "all"),
            PanelQuery(one(pick(catalogue.PENDING_JOBS)), "{{state}}"),
            colours={"all": "text", **STATE_COLOURS},
        )
        return panels.dashed(panels.log_scale(panel, limits(self.policy, "OutboxBacklogHigh"), zero=True), "all")

    def ages(self) -> timeseries.Panel:
        """The age of the oldest pending job by state."""
        panel = panels.lines(
            f"{terms.OLDEST_JOB} by state",
            "Lines: where waiting for a first attempt becomes a ticket, and a page or, if nothing is processed, a "
            "stall. An age that rises by a second per second: it is never taken. Waiting rises: the processor is "
            "down or stuck. Only failing or exhausted rises: those jobs fail for good.",
            PanelQuery(
                f"clamp_min({minutes(age_when_sampled(catalogue.OLDEST_PENDING))}, {_LEAST_AGE:g})", "{{state}}"
            ),
            unit=panels.MINUTES,
            colours=STATE_COLOURS,
            empty="No job is pending.",
        )
        return panels.log_scale(panel, limits(self.policy, "OutboxStalled", "OutboxJobsWaitingLong", unit=60))

    def head(self) -> timeseries.Panel:
        """Failing jobs among the oldest pending ones."""
        return (
            panels.lines(
                terms.HEAD_BLOCKED.name,
                "Failing or exhausted jobs among the oldest 100 pending, which the processor fetches at every poll. At "
                "100, no other job is processed, although the processor is busy. Repair or remove them.",
                PanelQuery(self.signal("outbox:head_blocked_jobs"), "of the oldest 100"),
                colours={"of the oldest 100": WARN},
                limits=limits(self.policy, "OutboxHeadBlocked"),
            )
            .unit(panels.COUNT)
            .decimals(0)
        )

    def exhausted_growth(self) -> timeseries.Panel:
        """The growth of the exhausted jobs."""
        return (
            panels.lines(
                "Growth of exhausted jobs",
                "Exhausted jobs, compared with one hour before; unknown for the first hour. Line: the cause of their "
                "failures continues. Repaired and removed jobs count against it; a negative growth is not drawn.",
                PanelQuery(self.signal("outbox:exhausted_jobs:increase1h"), "more than an hour ago"),
                colours={"more than an hour ago": WARN},
                limits=limits(self.policy, "OutboxJobsExhaustedGrowing"),
                empty="Unknown: there is no sample of an hour ago yet.",
            )
            .unit(panels.COUNT)
            .decimals(0)
        )

    def failures(self) -> timeseries.Panel:
        """The failure ratio of jobs."""
        return panels.lines(
            terms.FAILURE_RATIO.name,
            "Of the jobs tried in the last hour, the share that still fails. With few jobs it varies; the alert needs "
            "more of them. It rises: read last_error of the failing rows.",
            PanelQuery(self.signal("outbox:failure_ratio"), "last hour"),
            unit="percentunit",
            colours={"last hour": CALM},
            limits=limits(self.policy, "OutboxFailureRatioHigh"),
            empty="No job was tried in the last hour.",
        )

    def initialisations(self) -> timeseries.Panel:
        """The failure ratio of initialisations."""
        panel = panels.lines(
            terms.INITIALISATION_FAILURES.name,
            "Share of the initialisations that failed, as the application counts them; a failed one leaves no row. "
            "Lines: a ticket for six hours that use up the error budget too fast, a page for five minutes. It rises: "
            "the RPC fails; the application's log has the reason.",
            PanelQuery(self.signal("outbox:fsm_failure_ratio:5m"), "5 minutes"),
            PanelQuery(self.signal("outbox:fsm_failure_ratio:1h"), "1 hour"),
            PanelQuery(self.signal("outbox:fsm_failure_ratio:6h"), "6 hours"),
            PanelQuery(one(pick(catalogue.APP_FSM_FAILURE_RATIO)), "since its start"),
            unit="percentunit",
            colours={"5 minutes": BAD, "1 hour": WARN, "6 hours": "yellow", "since its start": "text"},
            limits=limits(self.policy, "OutboxFsmFailureBudgetBurn", "OutboxFsmFailureRateHigh"),
            empty="No initialisation was counted.",
        )
        return panels.dashed(panel, "since its start")

    def processing_time(self) -> timeseries.Panel:
        """Quantiles and means of the processing time."""
        bucket = pick(catalogue.PROCESSING_TIME, suffix="_bucket")
        rate = f"max without (instance, pod) (rate({bucket}[$__rate_interval]))"
        means = dict(zip((f"mean, {cohort}" for cohort in catalogue.COHORTS), ("text", "yellow"), strict=True))
        panel = panels.lines(
            terms.PROCESSING_TIME.name,
            "From creation to completion. An idle processor polls every 30 seconds, so some seconds are normal. Line: "
            "where the policy's 95th percentile becomes a ticket. Dashed: means of the jobs created in the last hour "
            "(the documented average) or processed in it. They include processed jobs only: in a stall, check the age "
            "of the oldest job.",
            *(PanelQuery(f"histogram_quantile({percent / 100:g}, {rate})", f"p{percent}") for percent in (50, 95, 99)),
            PanelQuery(self.signal("outbox:processing_time_p95_seconds"), "p95, policy"),
            PanelQuery(one(pick(catalogue.LAST_HOUR_PROCESSING_TIME)), "mean, {{cohort}}"),
            unit=panels.SECONDS,
            colours={"p50": GOOD, "p95": CALM, "p99": "purple", "p95, policy": WARN, **means},
            empty="No job was processed in the time shown.",
        )
        return panels.dashed(panels.log_scale(panel, limits(self.policy, "OutboxProcessingSlow")), *means)

    def burn_rates(self) -> timeseries.Panel:
        """Burn rates of the latency objective."""
        panel = panels.lines(
            "Burn rate of the latency objective",
            "Share of slow jobs, as a multiple of the error budget: at 1, the budget of a month lasts a month. Lines: "
            "where it becomes a ticket over days, and a page over an hour; each needs a shorter window as well.",
            PanelQuery(self.signal("outbox:latency_burn_rate:5m"), "5 minutes"),
            PanelQuery(self.signal("outbox:latency_burn_rate:1h"), "1 hour"),
            PanelQuery(self.signal("outbox:latency_burn_rate:6h"), "6 hours"),
            colours={"5 minutes": BAD, "1 hour": WARN, "6 hours": "yellow"},
            empty="No job was processed in the time shown.",
        )
        alerts = ("OutboxLatencyBudgetBurnSlow", "OutboxLatencyBudgetBurnFast")
        return panels.log_scale(panel, limits(self.policy, *alerts), zero=True)

    def budget(self) -> stat.Panel:
        """The error budget that is left."""
        panel = panels.number(
            "Error budget left",
            "Part of the latency objective's error budget that is left of its window, a month. Negative: the objective "
            "is missed. Unknown until the samples reach back so far; Prometheus has to keep them.",
            worst(self._budget_left(), least=True),
        )
        return panels.with_texts(panel.unit("percentunit").decimals(1), unknown="no month of samples")

    def _budget_left(self) -> str:
        """As the policy's signal, from the counters: the rules need not be loaded."""
        objective = self.policy.objective
        if objective is None:
            raise LookupError("the policy has no latency objective")
        window = format_duration(objective.window)
        every, fast = (
            pick(catalogue.PROCESSING_TIME, f'le="{bucket_label(bound)}"', suffix="_bucket")
            for bound in (math.inf, objective.time)
        )
        slow = one(f"increase({every}[{window}]) - ignoring (le) increase({fast}[{window}])")
        jobs = one(f"increase({every}[{window}])", "le")
        return f"(1 - {slow} / ({jobs} > 0) / {objective.budget:g}) and {one(f'{every} offset {window}', 'le')}"

    def _summaries(self) -> tuple[ValueMapping, ...]:
        """The summary of each alert in place of its name."""
        found = {rule.key.alert: rule.summary for rule in self.policy.rules}
        return tuple(map_text(alert, summary, NEUTRAL) for alert, summary in found.items())

    def _is_moving(self) -> str:
        """0 when jobs wait for longer than the threshold of a stall while none is processed, otherwise 1."""
        stalled = most_severe(self.policy, "OutboxStalled").threshold
        waiting = f"({self.signal('outbox:oldest_open_age_seconds')} > bool {stalled:g})"
        idle = f"({self.signal('outbox:progress')} == bool 0)"
        return f"1 - ({waiting} * {idle} or 0 * {self.signal('outbox:backlog_jobs')})"

    def _is_cleaned(self) -> str:
        """0 when expired keys are older than the threshold of the clean-up, otherwise 1."""
        overdue = most_severe(self.policy, "OutboxCleanupOverdue").threshold
        keys = f"max without (state) ({one(pick(catalogue.IDEMPOTENCY_KEYS))})"
        return f"({self.signal('outbox:expired_key_age_seconds')} <= bool {overdue:g}) or 1 + 0 * {keys}"


def _graded(firing: Callable[[str], str]) -> str:
    """2 for alerts of severity page, 1 for tickets."""
    return f"2 * {firing('page')} or {firing('ticket')}"


def _loud() -> str:
    """The firing alerts that no other mutes, by severity."""
    return f"({_graded(_firing)}) unless on (job, instance, alert, severity) {pick(catalogue.ALERT_MUTED)}"


def _ranked() -> str:
    """The firing alerts by severity, muted ones below all others."""
    return f"({_loud()}) or ({_graded(_firing)}) - {_MUTED}"


def _copied(label: str, copy: str, expression: str) -> str:
    return f'label_replace({expression}, "{copy}", "$1", "{label}", "(.+)")'


def _shortened(label: str, expression: str) -> str:
    """By alert, without the common prefix of their names, which a timeline has no room for."""
    return _without_prefix(label, f"max by ({label}) ({expression})")


def _without_prefix(label: str, expression: str) -> str:
    """The series with the names of alerts in this label without the prefix that all shipped ones have."""
    return f'label_replace({expression}, "{label}", "$1", "{label}", "Outbox(.+)")'


def _evaluated_by_exporter(severity: str) -> str:
    """1 for each alert of this severity that fires by the exporter's evaluation, 0 for each that does not."""
    return pick(catalogue.ALERT_FIRING, f'severity="{severity}",alert!="{DRILL}"')


def _firing(severity: str) -> str:
    return f"({_evaluated_by_exporter(severity)} == 1)"


def _firing_in_prometheus(severity: str) -> str:
    return f'ALERTS{{{SELECTED_JOB},alertstate="firing",severity="{severity}",alertname!="{DRILL}"}}'
