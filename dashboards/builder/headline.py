"""The numbers at the top of the overview: what waits, and what fails."""

from collections.abc import Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat

from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.limits import drain_limit, limits
from dashboards.builder.meanings import GOOD, NEVER, map_from, map_value
from dashboards.builder.promql import one, pick, while_counted, worst
from exporter.metrics import catalogue


@dataclass(frozen=True)
class HeadlinePanels(PanelGroup):
    """Two rows of five."""

    def waiting(self) -> Iterator[stat.Panel]:
        """What waits, and what moves."""
        backlog = self.signal("outbox:backlog_jobs")
        yield panels.number(
            "Backlog",
            "Unprocessed jobs in every state. High and not draining: see drain time and what must hold.",
            worst(backlog),
            limits(self.policy, "OutboxBacklogHigh"),
        )
        oldest = panels.number(
            "Oldest job",
            "Age of the oldest unprocessed job. Old while jobs complete: it was given up, see the table of states.",
            worst(f"{self.signal('outbox:oldest_pending_age_seconds')} or {backlog} == 0"),
            limits(self.policy, "OutboxStalled"),
        )
        yield panels.says(oldest.unit("s").decimals(1), map_value(0, "none", GOOD))
        (slow,) = drain_limit(self.policy)
        drain = panels.number(
            "Drain time",
            "How long the backlog takes at the completion rate of the last minutes. Never: nothing completes.",
            worst(f"{self.signal('outbox:drain_time_seconds')} or {backlog} == 0"),
            (slow,),
        )
        never = map_from(NEVER, "never", slow.colour)
        yield panels.says(drain.unit("s").decimals(1), map_value(0, "empty", GOOD), never)
        completions = self.signal("outbox:completions_per_second")
        yield panels.number(
            "Done / min",
            "Jobs completed per minute of late. None although jobs wait: the processor is down or stuck.",
            worst(f"60 * {completions} and {one(pick(catalogue.PROCESSED_JOBS))}", least=True),
        ).decimals(0)
        yield panels.number(
            "Done / hour",
            "Jobs completed in the last hour, as the table says.",
            worst(pick(catalogue.LAST_HOUR_PROCESSED), least=True),
        )

    def failing(self) -> Iterator[stat.Panel]:
        """What is slow, and what fails."""
        none = map_value(-1, "none", "text")
        speed = panels.number(
            "p95 time",
            "Creation to completion of the slowest twentieth of late.",
            worst(while_counted(self.signal("outbox:processing_time_p95_seconds"), pick(catalogue.PROCESSED_JOBS))),
            limits(self.policy, "OutboxProcessingSlow"),
        )
        yield panels.says(speed.unit("s").decimals(1), none)
        failures = panels.number(
            "Jobs failing",
            "Share of the jobs tried in the last hour that still fail. Read last_error of the failing rows.",
            worst(f"{self.signal('outbox:failure_ratio')} or ({one(pick(catalogue.LAST_HOUR_PROCESSED))} == 0) - 1"),
            limits(self.policy, "OutboxFailureRatioHigh"),
        )
        yield panels.says(failures.unit("percentunit").decimals(1), none)
        starts = panels.number(
            "Starts failing",
            "Share of the initialisations of the last minutes that failed. They leave no row: ask the application's "
            "log.",
            worst(while_counted(self.signal("outbox:fsm_failure_ratio:5m"), pick(catalogue.APP_FSM_INITIALIZATIONS))),
            limits(self.policy, "OutboxFsmFailureRateHigh"),
        )
        yield panels.says(starts.unit("percentunit").decimals(1), none)
        yield panels.number(
            "Head stuck",
            "Failing jobs among the oldest 100. At 100 nothing behind them moves.",
            worst(self.signal("outbox:head_blocked_jobs")),
            # One at the head for moments is every retry's way: only what pages is coloured.
            limits(self.policy, "OutboxHeadBlocked")[-1:],
        )
        yield panels.number(
            "Given up",
            "Unprocessed jobs that were tried too often. Nobody processes them: repair or remove them.",
            worst(self.signal("outbox:exhausted_jobs")),
            limits(self.policy, "OutboxJobsExhausted"),
        )
