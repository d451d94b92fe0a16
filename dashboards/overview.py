"""The page to open at 3 a.m.: is it broken, where, since when, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from dashboards import panels
from dashboards.layout import Section, block, shelf
from dashboards.limits import drain_limit, limits
from dashboards.page import OVERVIEW, Sheet, page
from dashboards.panels import BAD, CALM, GOOD, WARN, Column, Query
from dashboards.promql import age, one, per_minute, pick
from dashboards.signals import SignalPanels
from exporter import names

# Infinity cannot be drawn: a day of draining is as bad as never.
LONGEST_DRAIN = 86400
HOUR, DAY = 3600, 86400
SOURCES = dict(zip(names.SOURCES, (CALM, "purple", GOOD), strict=True))


def overview(policy: Policy) -> Dashboard:
    """The page, with the thresholds of this policy."""
    sheet = Sheet(
        uid=OVERVIEW,
        title="Outbox overview",
        description="The transactional outbox and the application that drains it: is it broken, where, since when, "
        "what to do.",
        since="now-3h",
        refresh="30s",
    )
    signals = SignalPanels(policy)
    return page(sheet, _sections(signals, _Panels(policy)), signals.runbooks)


def _sections(signals: SignalPanels, own: "_Panels") -> Iterable[Section]:
    numbers = own.numbers()
    yield Section(
        "",
        (
            shelf(8, (4, signals.verdict()), block(20, numbers[:5], numbers[5:])),
            shelf(8, (9, signals.holds()), (7, signals.firing()), (8, signals.alerts())),
        ),
    )
    yield Section(
        "Speed and failures",
        (
            shelf(8, (8, own.throughput()), (8, signals.speed()), (8, own.speeds())),
            shelf(8, (8, signals.failures()), (8, signals.initialisations()), (8, own.starts())),
        ),
    )
    yield Section(
        "Backlog: depth, age, drain",
        (
            shelf(8, (8, signals.backlog()), (8, signals.ages()), (8, own.drain())),
            shelf(8, (8, own.queue_backlog()), (8, own.queue_ages()), (8, signals.head())),
            shelf(6, (10, own.states()), (14, own.queues())),
        ),
    )
    yield Section(
        "Events by source and type",
        (shelf(8, (8, own.events()), (8, own.event_types()), block(8, (own.last_sources(),), (own.last_types(),))),),
    )
    yield Section(
        "Idempotency cache and clean-up",
        (shelf(8, (8, own.keys()), (8, own.expired()), (8, own.retention())),),
    )
    yield Section(
        "The application's own word",
        (
            shelf(8, (12, own.endpoints()), (6, own.fallbacks()), (6, own.fallback_failures())),
            shelf(8, (6, own.app_pending()), (6, own.app_counts()), (6, own.app_durations()), (6, own.cache_hits())),
        ),
    )


@dataclass(frozen=True)
class _Panels(SignalPanels):
    """What only this page shows."""

    def numbers(self) -> list[stat.Panel]:
        """The row of numbers at the top: what waits, then what fails."""
        (drain,) = drain_limit(self.policy)
        return [
            panels.number(
                "Backlog",
                "Unprocessed jobs in every state. High and not draining: see drain time and what must hold.",
                Query(self.judged("outbox:backlog_jobs"), "{{job}}"),
                limits(self.policy, "OutboxBacklogHigh"),
            ),
            panels.number(
                "Oldest job",
                "Age of the oldest unprocessed job. Old while jobs complete: it was given up, see the table of states.",
                Query(self.judged("outbox:oldest_pending_age_seconds"), "{{job}}"),
                limits(self.policy, "OutboxStalled"),
            )
            .unit("s")
            .no_value("none"),
            panels.number(
                "Drain time",
                "How long the backlog takes at the completion rate of the last minutes. Never: nothing completes.",
                Query(self.judged("outbox:drain_time_seconds"), "{{job}}"),
                (drain,),
            )
            .unit("s")
            .mappings([panels.from_value(panels.NEVER, "never", drain.colour)])
            .no_value("empty"),
            panels.number(
                "Done / min",
                "Jobs completed per minute, over ten minutes. None although jobs wait: the processor is down or stuck.",
                Query(f"60 * {self.judged('outbox:completions_per_second')}", "{{job}}"),
            ).decimals(0),
            panels.number(
                "Done last hour",
                "Jobs completed in the last hour, as the tables say.",
                Query(one(pick(names.LAST_HOUR_PROCESSED)), "{{job}}"),
            ),
            panels.number(
                "p95 time",
                "Creation to completion of the slowest twentieth, over half an hour.",
                Query(self.judged("outbox:processing_time_p95_seconds"), "{{job}}"),
                limits(self.policy, "OutboxProcessingSlow"),
            )
            .unit("s")
            .no_value("none done"),
            panels.number(
                "Jobs failing",
                "Share of the jobs tried in the last hour that still fail. Read last_error of the failing rows.",
                Query(self.judged("outbox:failure_ratio"), "{{job}}"),
                limits(self.policy, "OutboxFailureRatioHigh"),
            )
            .unit("percentunit")
            .no_value("none tried"),
            panels.number(
                "Starts failing",
                "Share of the initialisations of the last minutes that failed. They leave no row: ask the "
                "application's log.",
                Query(self.judged("outbox:fsm_failure_ratio:5m"), "{{job}}"),
                limits(self.policy, "OutboxFsmFailureRateHigh"),
            )
            .unit("percentunit")
            .no_value("none seen"),
            panels.number(
                "Head blocked",
                "Failing jobs among the oldest 100. At 100 nothing behind them moves.",
                Query(self.judged("outbox:head_blocked_jobs"), "{{job}}"),
                limits(self.policy, "OutboxHeadBlocked"),
            ),
            panels.number(
                "Given up",
                "Unprocessed jobs that were tried too often. Nobody processes them: repair or remove them.",
                Query(self.judged("outbox:exhausted_jobs"), "{{job}}"),
                limits(self.policy, "OutboxJobsExhausted"),
            ),
        ]

    def throughput(self) -> timeseries.Panel:
        panel = panels.lines(
            "Jobs completed per minute, by queue",
            "How many jobs became processed. None while the backlog grows: the processor is down, stuck, or every job "
            "fails. One queue stops: that queue refuses its jobs.",
            Query(per_minute(names.QUEUE_PROCESSED_JOBS), "{{queue}}"),
            Query(per_minute(names.PROCESSED_JOBS), "all"),
        )
        panels.stacked(panel)
        panel.override_by_name("all", [panels.apart(), panels.painted("text")])
        return panels.faint(panel, "all")

    def speeds(self) -> heatmap.Panel:
        grown = f"increase({pick(names.PROCESSING_TIME, suffix='_bucket')}[$__rate_interval])"
        return panels.warmth(
            "Processing time, distribution",
            "How many jobs took how long from creation to completion: the darker or brighter, the more. Two bands are "
            "two kinds of jobs, or an idle processor's poll; a band that climbs is a backlog.",
            Query(f"sum by (le) ({grown})", "{{le}}"),
            "s",
        ).no_value("No job was completed in the time shown.")

    def starts(self) -> timeseries.Panel:
        panel = panels.lines(
            "Initialisations per minute",
            "Course generations that the application began, and those that failed. None at all although people work: "
            "users do not reach the application.",
            Query(per_minute(names.APP_FSM_INITIALIZATIONS), "{{result}}"),
        )
        return panels.coloured(panels.bars(panel), {"succeeded": CALM, "failed": BAD})

    def drain(self) -> timeseries.Panel:
        drain = self.judged("outbox:drain_time_seconds")
        panel = panels.lines(
            "Drain time",
            "How long the backlog takes at the completion rate of the last minutes; what takes longer than a day, or "
            "for ever, is drawn as a day. Line: too long, when the backlog is high as well. It falls by itself after "
            "a burst; if it does not, the processor is slower than its work.",
            Query(f"clamp_max({drain}, {LONGEST_DRAIN})", "to empty"),
        )
        panels.on_decades(panel, drain_limit(self.policy))
        return panels.coloured(panel.unit("s").no_value("The backlog is empty."), {"to empty": CALM})

    def queue_backlog(self) -> timeseries.Panel:
        panel = panels.lines(
            "Backlog by queue",
            "Unprocessed jobs by the queue they are for. One queue grows alone: it refuses its jobs, or no longer "
            "exists.",
            Query(one(pick(names.QUEUE_PENDING_JOBS)), "{{queue}}"),
        )
        return panels.stacked(panel).no_value("No job is unprocessed.")

    def queue_ages(self) -> timeseries.Panel:
        panel = panels.lines(
            "Age of the oldest job by queue",
            "All queues rise together: the processor is down. One rises alone: its jobs fail for good.",
            Query(age(names.QUEUE_OLDEST_PENDING), "{{queue}}"),
        )
        return panel.unit("s").no_value("No job is unprocessed.")

    def states(self) -> table.Panel:
        oldest = one(pick(names.OLDEST_PENDING))
        means = (
            panels.means("waiting", "waiting", CALM),
            panels.means("failing", "failing", WARN),
            panels.means("exhausted", "exhausted", BAD),
        )
        return panels.grid(
            "Poison: jobs by state",
            "Failing jobs may recover. Exhausted ones were tried too often and are fetched again at every poll: repair "
            "or remove them.",
            "Not known: the backlog is not read.",
            (
                Column("state", "State", mappings=means),
                Column("Value #A", "Jobs", "short"),
                Column("Value #B", "Oldest is", "s"),
                Column("Value #C", "Created at (UTC)", "dateTimeAsIso"),
            ),
            Query(one(pick(names.PENDING_JOBS))),
            Query(age(names.OLDEST_PENDING)),
            Query(f"1000 * {oldest}"),
        )

    def queues(self) -> table.Panel:
        return panels.grid(
            "Queues",
            "What waits for each queue and what it took. Jobs wait and none is done: it refuses its jobs, or it is "
            "gone.",
            "Not known: the backlog is not read.",
            (
                Column("queue", "Queue"),
                Column("Value #A", "Unprocessed", "short"),
                Column("Value #B", "Oldest is", "s"),
                Column("Value #C", "Done in the last hour", "short"),
            ),
            Query(one(pick(names.QUEUE_PENDING_JOBS))),
            Query(age(names.QUEUE_OLDEST_PENDING)),
            Query(one(pick(names.QUEUE_LAST_HOUR_PROCESSED))),
        )

    def events(self) -> timeseries.Panel:
        panel = panels.lines(
            "Events per minute, by source",
            "Who starts jobs and reports on them. The API falls silent: users do not get through. QUEUE or WORKER "
            "rises: the defence layers do the API's work.",
            Query(per_minute(names.EVENTS), "{{source}}"),
        )
        return panels.coloured(panels.stacked(panel), SOURCES)

    def event_types(self) -> timeseries.Panel:
        return panels.stacked(
            panels.lines(
                "Events per minute, by type",
                "What happens. A type that is missing since a release is what the release broke.",
                Query(per_minute(names.EVENTS_BY_TYPE), "{{event}}"),
            )
        )

    def last_sources(self) -> bargauge.Panel:
        return panels.gauges(
            "Last hour by source",
            "Events of the last hour, as the table says. No QUEUE events are usual in production.",
            Query(one(pick(names.LAST_HOUR_EVENTS)), "{{source}}"),
        )

    def last_types(self) -> bargauge.Panel:
        return panels.gauges(
            "Last hour by type",
            "Events of the last hour by type, as the table says.",
            Query(one(pick(names.LAST_HOUR_EVENTS_BY_TYPE)), "{{event}}"),
        ).no_value("No event in the last hour.")

    def keys(self) -> timeseries.Panel:
        panel = panels.lines(
            "Idempotency keys",
            "Size of the cache: a sawtooth, cut back by the daily clean-up. It only grows: the clean-up does not run.",
            Query(one(pick(names.IDEMPOTENCY_KEYS)), "{{state}}"),
        )
        return panels.coloured(panels.stacked(panel), {"live": CALM, "expired": WARN})

    def expired(self) -> timeseries.Panel:
        panel = panels.lines(
            "Oldest expired key",
            "For how long the oldest expired key has been expired. Line: the clean-up has missed a day. Expired keys "
            "still answer with old results. See cron.job_run_details.",
            Query(f"({self.judged('outbox:expired_key_age_seconds')}) / {HOUR}", "hours expired"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxCleanupOverdue", HOUR))
        return panels.coloured(panel.axis_label("hours").no_value("No expired key is left."), {"hours expired": CALM})

    def retention(self) -> timeseries.Panel:
        panel = panels.lines(
            "Oldest processed job kept",
            "Age of the oldest processed job. Line: the weekly clean-up has missed a week. See cron.job_run_details.",
            Query(f"({self.judged('outbox:oldest_processed_age_seconds')}) / {DAY}", "days kept"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxRetentionOverdue", DAY))
        return panels.coloured(panel.axis_label("days").no_value("No processed job is kept."), {"days kept": CALM})

    def endpoints(self) -> statetimeline.Panel:
        return panels.timeline(
            "Endpoints and health checks",
            "Which of the application's metrics endpoints answer, and what it says of itself. It knows less than the "
            "database: believe its red, not its green.",
            Query(one(pick(names.APP_UP)), "{{endpoint}}"),
            Query(one(pick(names.APP_HEALTHY)), "healthy"),
            Query(one(pick(names.APP_CHECK)), "{{check}}"),
            states=panels.yes_or_no(),
        ).no_value("No application is configured, or it has not been asked yet.")

    def fallbacks(self) -> timeseries.Panel:
        layers = f"increase({pick(names.APP_FALLBACK_ACTIVATIONS)}[$__rate_interval])"
        panel = panels.lines(
            "Fallback activations",
            "How often the layers behind the RPC had to act. Line: more than this in five minutes is a ticket. They "
            "act: initialisations fail, see there.",
            Query(one(layers), "layer {{layer}}"),
            Query(self.judged("outbox:fallback_activations:increase5m"), "in 5 minutes"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxFallbacksFrequent"))
        return panels.coloured(panel, {"layer 2": CALM, "layer 3": "purple", "in 5 minutes": WARN})

    def fallback_failures(self) -> timeseries.Panel:
        layers = f"increase({pick(names.APP_FALLBACK_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Fallback failures",
            "How often a layer behind the RPC failed too. Behind them there is none: those courses were not started. "
            "Line: a page, for ten minutes' worth.",
            Query(one(layers), "layer {{layer}}"),
            Query(self.judged("outbox:fallback_failures:increase10m"), "in 10 minutes"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxFallbacksFailing"))
        return panels.coloured(panel, {"layer 2": CALM, "layer 3": "purple", "in 10 minutes": BAD})

    def app_pending(self) -> timeseries.Panel:
        panel = panels.lines(
            "Pending: its word and the table's",
            "As deployed, the application reports the size of its last batch, 100 at most; the table knows the truth.",
            Query(one(pick(names.APP_PENDING_JOBS)), "application"),
            Query(self.judged("outbox:backlog_jobs"), "table"),
        )
        return panels.coloured(panel, {"application": "purple", "table": CALM})

    def app_counts(self) -> timeseries.Panel:
        panel = panels.lines(
            "Done / min: its word and the table's",
            "As deployed, permanent failures count as processed and failed stays 0. The application lies above the "
            "table: jobs fail for good, or courses were deleted.",
            Query(per_minute(names.APP_PROCESSED_JOBS), "application"),
            Query(per_minute(names.APP_FAILED_JOBS), "application: failed"),
            Query(per_minute(names.PROCESSED_JOBS), "table"),
        )
        return panels.coloured(panel, {"application": "purple", "application: failed": BAD, "table": CALM})

    def app_durations(self) -> timeseries.Panel:
        panel = panels.lines(
            "Durations, by its word",
            "Mean duration of an initialisation, and how long ago its processor last finished a poll, which moves on "
            "empty polls too. A job's mean is there in the documented dialect only.",
            Query(one(pick(names.APP_FSM_DURATION)), "initialisation"),
            Query(one(pick(names.APP_PROCESSING_TIME)), "job"),
            Query(age(names.APP_LAST_PROCESSED), "since last poll"),
        )
        colours = {"initialisation": CALM, "job": GOOD, "since last poll": "purple"}
        return panels.coloured(panels.on_decades(panel), colours).unit("s")

    def cache_hits(self) -> timeseries.Panel:
        panel = panels.lines(
            "Cache hits, by its word",
            "Share of the initialisations that were answered from the idempotency cache: repeats by impatient users. "
            "It jumps: somebody retries in a loop.",
            Query(one(pick(names.APP_FSM_CACHE_HIT_RATIO)), "hits"),
        )
        return panels.coloured(panel.unit("percentunit").max(1), {"hits": CALM})
