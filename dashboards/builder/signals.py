"""Panels about what the policy judges, with its thresholds; more than one page shows them."""

from collections.abc import Callable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries

from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.limits import gravest, limits
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_boolean, map_value
from dashboards.builder.page import RUNBOOKS
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, SELECTED_JOB, one, pick, worst
from exporter.metrics import catalogue

STATE_COLOURS = {"waiting": CALM, "failing": WARN, "exhausted": BAD}
_GRADES = (map_value(2, "page", BAD), map_value(1, "ticket", WARN))


@dataclass(frozen=True)
class SignalPanels(PanelGroup):
    """Panels by what they answer."""

    def verdict(self) -> stat.Panel:
        """How bad is it?"""
        return panels.verdict(
            "Verdict",
            "The gravest alert that the exporter itself finds firing. PAGE: act now; the table of firing alerts names "
            "it, and its name leads to what to do. TICKET: act in office hours. Unknown: look at the exporter "
            "first.",
            worst(_graded(_judged_by_exporter)),
            map_value(0, "ALL WELL", GOOD),
            map_value(1, "TICKET", WARN),
            map_value(2, "PAGE", BAD),
        )

    def firing(self) -> table.Panel:
        """What is it called, and where is its runbook?"""
        runbook = f"${{{RUNBOOKS}}}/${{__value.raw}}.md"
        return panels.grid(
            "Firing now",
            "What the exporter itself finds firing, those explained by a graver one among them. The name of an alert "
            "leads to its runbook: a few checks, each with what to do next.",
            "No alert fires.",
            (TableColumn("alert", "Alert", link=runbook), TableColumn("Value", "Severity", mappings=_GRADES, width=70)),
            PanelQuery(f"sort_desc(max by (alert) ({_graded(_firing)}))"),
        )

    def alerts(self) -> statetimeline.Panel:
        """Since when?"""
        panel = panels.timeline(
            "Alerts over time",
            "Which alert fired when, by the exporter's own evaluation. The one that began first is usually the cause; "
            "those that follow are its effects.",
            PanelQuery(_shortened("alert", _graded(_firing)), "{{alert}}"),
            states=_GRADES,
        )
        return panel.no_value("No alert has fired in the time shown.")

    def prometheus_alerts(self) -> statetimeline.Panel:
        """Does Prometheus say the same?"""
        panel = panels.timeline(
            "Alerts over time, by Prometheus",
            "Needs the shipped rule file. It should agree with the exporter's own evaluation; where it does not, one "
            "of the two has an older policy or did not see everything.",
            PanelQuery(_shortened("alertname", _graded(_firing_in_prometheus)), "{{alertname}}"),
            states=_GRADES,
        )
        return panel.no_value("No alert has fired in the time shown, or the rules are not loaded.")

    def holds(self) -> statetimeline.Panel:
        """Where is it broken?"""
        rows = pick(catalogue.COLLECTOR_SUCCESS, 'collector=~"backlog|throughput|last_hour|events|idempotency"')
        return panels.timeline(
            "What must hold",
            "Red says what is broken, and since when; a gap says that nothing was known. Begin with the first red bar "
            "from the top: what stands below it may be its effect.",
            PanelQuery(one(f"up{{{SELECTED}}}"), "Exporter is scraped"),
            PanelQuery(one(pick(catalogue.UP)), "Database answers"),
            PanelQuery(f"min without (collector) ({one(rows)})", "Rows are read"),
            PanelQuery(self._moves(), "Jobs move"),
            PanelQuery(f"1 - clamp_max({self.signal('outbox:exhausted_jobs')}, 1)", "No job is given up"),
            PanelQuery(f"min without (endpoint) ({one(pick(catalogue.APP_UP))})", "Application answers"),
            PanelQuery(one(pick(catalogue.APP_HEALTHY)), "Application is healthy"),
            PanelQuery(f"1 - clamp_max({self.signal('outbox:migration_checks_broken')}, 1)", "Migration is intact"),
            PanelQuery(self._cleaned(), "Clean-up runs"),
            states=map_boolean(),
        )

    def backlog(self) -> timeseries.Panel:
        """How much waits?"""
        panel = panels.lines(
            "Backlog by state",
            "Unprocessed jobs: waiting (never tried), failing (tried), exhausted (tried too often, given up). Lines: "
            "where a high backlog that does not drain becomes a ticket, and a page. Waiting grows: the processor is "
            "slow or down. Failing or exhausted grows: jobs are refused; look at the table of queues.",
            PanelQuery(self.signal("outbox:backlog_jobs"), "all"),
            PanelQuery(one(pick(catalogue.PENDING_JOBS)), "{{state}}"),
        )
        panels.log_scale(panel, limits(self.policy, "OutboxBacklogHigh"), zero=True)
        return panels.dashed(panels.coloured(panel, {"all": "text", **STATE_COLOURS}), "all")

    def ages(self) -> timeseries.Panel:
        """How long has the oldest waited?"""
        panel = panels.lines(
            "Age of the oldest job by state",
            "Lines: where waiting for a first try becomes a ticket, and a page or, if nothing completes, a stall. An "
            "age that rises by a second per second is that of a job that nobody takes. Waiting rises: the processor "
            "is down or held up. Only failing or exhausted rises: those jobs fail for good, and do not recover by "
            "themselves.",
            PanelQuery(_age_when_sampled(), "{{state}}"),
        )
        panels.log_scale(panel, limits(self.policy, "OutboxStalled", "OutboxJobsWaitingLong"))
        return panels.coloured(panel, STATE_COLOURS).unit("s").no_value("No job is unprocessed.")

    def head(self) -> timeseries.Panel:
        """Do poison rows block it?"""
        panel = panels.lines(
            "Failing jobs at the head",
            "Failing or exhausted jobs among the oldest 100 unprocessed, which the processor fetches at every poll. At "
            "100 nothing behind them moves, although the processor is busy. Repair or remove them.",
            PanelQuery(self.signal("outbox:head_blocked_jobs"), "of the oldest 100"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxHeadBlocked"))
        return panels.coloured(panel, {"of the oldest 100": WARN}).decimals(0)

    def failures(self) -> timeseries.Panel:
        """Do jobs fail?"""
        panel = panels.lines(
            "Jobs failing",
            "Of the jobs tried in the last hour, the share that is still failing. Few tries make it jumpy; the alert "
            "waits for more. It rises: read last_error of the failing rows.",
            PanelQuery(self.signal("outbox:failure_ratio"), "last hour"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxFailureRatioHigh"))
        panels.coloured(panel, {"last hour": CALM})
        return panel.unit("percentunit").no_value("No job was tried in the last hour.")

    def initialisations(self) -> timeseries.Panel:
        """Do courses fail to start?"""
        panel = panels.lines(
            "Initialisations failing",
            "Share of the initialisations that failed, as the application counts them; a failed one leaves no row. "
            "Lines: a ticket when six hours use up the error budget too fast, a page when five minutes are bad. It "
            "rises: the RPC refuses; ask the application's log why.",
            PanelQuery(self.signal("outbox:fsm_failure_ratio:5m"), "5 minutes"),
            PanelQuery(self.signal("outbox:fsm_failure_ratio:1h"), "1 hour"),
            PanelQuery(self.signal("outbox:fsm_failure_ratio:6h"), "6 hours"),
            PanelQuery(one(pick(catalogue.APP_FSM_FAILURE_RATIO)), "since its start"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxFsmFailureBudgetBurn", "OutboxFsmFailureRateHigh"))
        panels.coloured(panel, {"5 minutes": BAD, "1 hour": WARN, "6 hours": "yellow", "since its start": "text"})
        return panels.dashed(panel, "since its start").unit("percentunit").no_value("No initialisation was counted.")

    def speed(self) -> timeseries.Panel:
        """How long do jobs take?"""
        bucket = pick(catalogue.PROCESSING_TIME, suffix="_bucket")
        rate = f"max without (instance, pod) (rate({bucket}[$__rate_interval]))"
        panel = panels.lines(
            "Processing time",
            "From creation to completion. An idle processor polls every 30 seconds, so that some seconds are normal. "
            "Line: where the judged 95th percentile becomes a ticket. Dashed: means of the "
            "jobs created in the last hour (the documented average) or processed in it. They know only what was "
            "completed: in a stall, look at the age of the oldest job.",
            *(PanelQuery(f"histogram_quantile({percent / 100:g}, {rate})", f"p{percent}") for percent in (50, 95, 99)),
            PanelQuery(self.signal("outbox:processing_time_p95_seconds"), "p95, judged"),
            PanelQuery(one(pick(catalogue.LAST_HOUR_PROCESSING_TIME)), "mean, {{cohort}}"),
        )
        panels.log_scale(panel, limits(self.policy, "OutboxProcessingSlow"))
        panels.coloured(panel, {"p50": GOOD, "p95": CALM, "p99": "purple", "p95, judged": WARN})
        map_text = [f"mean, {cohort}" for cohort in catalogue.COHORTS]
        panels.dashed(panels.coloured(panel, dict(zip(map_text, ("text", "yellow"), strict=True))), *map_text)
        return panel.unit("s").no_value("No job was completed in the time shown.")

    def _moves(self) -> str:
        """1 unless jobs wait for longer than a stall takes while none is processed."""
        stalled = gravest(self.policy, "OutboxStalled").threshold
        waiting = f"({self.signal('outbox:oldest_open_age_seconds')} > bool {stalled:g})"
        idle = f"({self.signal('outbox:progress')} == bool 0)"
        return f"1 - ({waiting} * {idle} or 0 * {self.signal('outbox:backlog_jobs')})"

    def _cleaned(self) -> str:
        """1 unless expired keys are older than the clean-up lets them be; without expired keys all is well."""
        overdue = gravest(self.policy, "OutboxCleanupOverdue").threshold
        keys = f"max without (state) ({one(pick(catalogue.IDEMPOTENCY_KEYS))})"
        return f"({self.signal('outbox:expired_key_age_seconds')} <= bool {overdue:g}) or 1 + 0 * {keys}"


def _age_when_sampled() -> str:
    """Age of the oldest job in each state, as the policy measures it: at the sample, by one clock."""
    sampled = pick(catalogue.COLLECTOR_LAST_SUCCESS, 'collector="backlog"')
    return one(f"{sampled} - ignoring (collector, state) group_right () {pick(catalogue.OLDEST_PENDING)}")


def _graded(firing: Callable[[str], str]) -> str:
    """2 for what pages, 1 for what opens a ticket."""
    return f"2 * {firing('page')} or {firing('ticket')}"


def _shortened(label: str, expression: str) -> str:
    """By alert, without the word that all their names begin with: there is little room beside a timeline."""
    return f'label_replace(max by ({label}) ({expression}), "{label}", "$1", "{label}", "Outbox(.+)")'


def _judged_by_exporter(severity: str) -> str:
    """1 for each alert of this severity that the exporter finds firing, 0 for each that it does not."""
    return pick(catalogue.ALERT_FIRING, f'severity="{severity}"')


def _firing(severity: str) -> str:
    return f"({_judged_by_exporter(severity)} == 1)"


def _firing_in_prometheus(severity: str) -> str:
    return f'ALERTS{{{SELECTED_JOB},alertstate="firing",severity="{severity}"}}'
