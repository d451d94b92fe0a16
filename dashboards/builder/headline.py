"""The numbers at the top of the overview."""

from collections.abc import Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat

from dashboards.builder import panels
from dashboards.builder.limits import drain_limit, limits
from dashboards.builder.meanings import GOOD, NEVER, map_from, map_value
from dashboards.builder.promql import PanelGroup, one, per_minute, pick, while_counted, worst
from exporter.metrics import catalogue, terms


@dataclass(frozen=True)
class HeadlinePanels(PanelGroup):
    """Two lines of five numbers."""

    def waiting(self) -> Iterator[stat.Panel]:
        """Backlog and throughput."""
        backlog = self.signal("outbox:backlog_jobs")
        yield panels.number(
            terms.BACKLOG.name,
            "Pending jobs in every state. High and not draining: check drain time and the health conditions.",
            worst(backlog),
            limits(self.policy, "OutboxBacklogHigh"),
        )
        oldest = panels.number(
            terms.OLDEST_JOB.name,
            "Age of the oldest pending job. Old while jobs are processed: it is exhausted; see the jobs by state.",
            worst(f"{self.signal('outbox:oldest_pending_age_seconds')} or {backlog} == 0"),
            limits(self.policy, "OutboxStalled"),
        )
        yield panels.with_texts(oldest.unit("s").decimals(1), map_value(0, "none", GOOD))
        (slow,) = drain_limit(self.policy)
        drain = panels.number(
            terms.DRAIN_TIME.name,
            "How long the backlog takes at the completion rate of the last minutes. Never: no job is processed.",
            worst(f"{self.signal('outbox:drain_time_seconds')} or {backlog} == 0"),
            (slow,),
        )
        never = map_from(NEVER, "never", slow.colour)
        yield panels.with_texts(drain.unit("s").decimals(1), map_value(0, "empty", GOOD), never)
        yield (
            panels.number(
                "Created / min",
                "Jobs created per minute recently. More than are processed: the backlog grows.",
                worst(per_minute(catalogue.CREATED_JOBS), least=True),
            )
            .unit(panels.COUNT)
            .decimals(0)
        )
        completions = self.signal("outbox:completions_per_second")
        yield (
            panels.number(
                "Processed / min",
                "Jobs processed per minute recently. None although jobs wait: the processor is down or stuck.",
                worst(f"60 * {completions} and {one(pick(catalogue.PROCESSED_JOBS))}", least=True),
            )
            .unit(panels.COUNT)
            .decimals(0)
        )

    def failing(self) -> Iterator[stat.Panel]:
        """Processing time and failures."""
        none = map_value(-1, "none", "text")
        p95 = self.signal("outbox:processing_time_p95_seconds")
        processing_time = panels.number(
            terms.PROCESSING_TIME.name,
            "Recent 95th percentile of the time from creation to completion.",
            worst(while_counted(p95, pick(catalogue.PROCESSED_JOBS))),
            limits(self.policy, "OutboxProcessingSlow"),
        )
        yield panels.with_texts(processing_time.unit("s").decimals(1), none)
        no_jobs = f"({one(pick(catalogue.LAST_HOUR_PROCESSED))} == 0) - 1"
        failures = panels.number(
            terms.FAILURE_RATIO.name,
            "Share of the jobs tried in the last hour that still fail. Read last_error of the failing rows.",
            worst(f"{self.signal('outbox:failure_ratio')} or {no_jobs}"),
            limits(self.policy, "OutboxFailureRatioHigh"),
        )
        yield panels.with_texts(failures.unit("percentunit").decimals(1), none)
        ratio = self.signal("outbox:fsm_failure_ratio:5m")
        initialisations = panels.number(
            terms.INITIALISATION_FAILURES.name,
            "Share of the recent initialisations that failed. They leave no row; the application's log has the reason.",
            worst(while_counted(ratio, pick(catalogue.APP_FSM_INITIALIZATIONS))),
            limits(self.policy, "OutboxFsmFailureRateHigh"),
        )
        yield panels.with_texts(initialisations.unit("percentunit").decimals(1), none)
        yield panels.number(
            terms.HEAD_BLOCKED.name,
            "Failing jobs among the oldest 100. At 100, no other job is processed.",
            worst(self.signal("outbox:head_blocked_jobs")),
            # A single failing job is normal during retries, so only the threshold of the page is coloured.
            limits(self.policy, "OutboxHeadBlocked")[-1:],
        )
        yield panels.number(
            terms.EXHAUSTED_JOBS.name,
            "Pending jobs that have used up their attempts. Repair or remove them.",
            worst(self.signal("outbox:exhausted_jobs")),
            limits(self.policy, "OutboxJobsExhausted"),
        )
