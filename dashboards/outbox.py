"""Panels about what is in the tables: throughput, drain, queues, events, keys."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, heatmap, table, timeseries

from dashboards import panels
from dashboards.drawing import Drawing
from dashboards.limits import drain_limit, limits
from dashboards.meanings import BAD, CALM, GOOD, WARN, means
from dashboards.panels import Column, Query
from dashboards.promql import age, one, per_minute, pick
from exporter import names

# Infinity cannot be drawn: a day of draining is as bad as never.
LONGEST_DRAIN = 86400
HOUR, DAY = 3600, 86400
SOURCES = dict(zip(names.SOURCES, (CALM, "purple", GOOD), strict=True))


@dataclass(frozen=True)
class OutboxPanels(Drawing):
    """Panels by what they answer."""

    def throughput(self) -> timeseries.Panel:
        """Do jobs complete?"""
        panel = panels.lines(
            "Done per minute, by queue",
            "How many jobs became processed. None while the backlog grows: the processor is down, stuck, or every job "
            "fails. One queue stops: that queue refuses its jobs.",
            Query(per_minute(names.QUEUE_PROCESSED_JOBS), "{{queue}}"),
            Query(per_minute(names.PROCESSED_JOBS), "all"),
        )
        panels.stacked(panel)
        panel.override_by_name("all", [panels.apart(), panels.painted("text")])
        return panels.faint(panel, "all")

    def speeds(self) -> heatmap.Panel:
        """How long do they take, each and every one?"""
        grown = f"increase({pick(names.PROCESSING_TIME, suffix='_bucket')}[$__rate_interval])"
        return panels.warmth(
            "Processing time, distribution",
            "How many jobs took how long from creation to completion: the darker or brighter, the more. Two bands are "
            "two kinds of jobs, or an idle processor's poll; a band that climbs is a backlog.",
            Query(f"sum by (le) ({grown})", "{{le}}"),
            "s",
        ).no_value("No job was completed in the time shown.")

    def drain(self) -> timeseries.Panel:
        """When will it be empty?"""
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
        """Which queue waits?"""
        panel = panels.lines(
            "Backlog by queue",
            "Unprocessed jobs by the queue they are for. One queue grows alone: it refuses its jobs, or no longer "
            "exists.",
            Query(one(pick(names.QUEUE_PENDING_JOBS)), "{{queue}}"),
        )
        return panels.stacked(panel).no_value("No job is unprocessed.")

    def queue_ages(self) -> timeseries.Panel:
        """Which queue has waited longest?"""
        panel = panels.lines(
            "Age of the oldest job by queue",
            "All queues rise together: the processor is down. One rises alone: its jobs fail for good.",
            Query(age(names.QUEUE_OLDEST_PENDING), "{{queue}}"),
        )
        return panel.unit("s").no_value("No job is unprocessed.")

    def states(self) -> table.Panel:
        """Which jobs are poison?"""
        words = (
            means("waiting", "waiting", CALM),
            means("failing", "failing", WARN),
            means("exhausted", "exhausted", BAD),
        )
        return panels.grid(
            "Poison: jobs by state",
            "Failing jobs may recover. Exhausted ones were tried too often and are fetched again at every poll: repair "
            "or remove them.",
            "Not known: the backlog is not read.",
            (
                Column("state", "State", mappings=words),
                Column("Value #A", "Jobs", "short"),
                Column("Value #B", "Oldest is", "s"),
            ),
            Query(one(pick(names.PENDING_JOBS))),
            Query(age(names.OLDEST_PENDING)),
        )

    def queues(self) -> table.Panel:
        """How does each queue stand?"""
        return panels.grid(
            "Queues",
            "What waits for each queue and what it took. Jobs wait and none is done: it refuses its jobs, or it is "
            "gone.",
            "Not known: the backlog is not read.",
            (
                Column("queue", "Queue"),
                Column("Value #A", "Unprocessed", "short"),
                Column("Value #B", "Oldest is", "s"),
                Column("Value #C", "Done / hour", "short"),
            ),
            Query(one(pick(names.QUEUE_PENDING_JOBS))),
            Query(age(names.QUEUE_OLDEST_PENDING)),
            Query(one(pick(names.QUEUE_LAST_HOUR_PROCESSED))),
        )

    def events(self) -> timeseries.Panel:
        """Who acts?"""
        panel = panels.lines(
            "Events per minute, by source",
            "Who starts jobs and reports on them. The API falls silent: users do not get through. QUEUE or WORKER "
            "rises: the defence layers do the API's work.",
            Query(per_minute(names.EVENTS), "{{source}}"),
        )
        return panels.coloured(panels.stacked(panel), SOURCES)

    def event_types(self) -> timeseries.Panel:
        """What happens?"""
        return panels.stacked(
            panels.lines(
                "Events per minute, by type",
                "What happens. A type that is missing since a release is what the release broke.",
                Query(per_minute(names.EVENTS_BY_TYPE), "{{event}}"),
            )
        )

    def last_sources(self) -> bargauge.Panel:
        """Who acted in the last hour?"""
        return panels.gauges(
            "Last hour by source",
            "Events of the last hour, as the table says. No QUEUE events are usual in production.",
            Query(one(pick(names.LAST_HOUR_EVENTS)), "{{source}}"),
        )

    def last_types(self) -> bargauge.Panel:
        """What happened in the last hour?"""
        return panels.gauges(
            "Last hour by type",
            "Events of the last hour by type, as the table says.",
            Query(one(pick(names.LAST_HOUR_EVENTS_BY_TYPE)), "{{event}}"),
        ).no_value("No event in the last hour.")

    def keys(self) -> timeseries.Panel:
        """How large is the cache?"""
        panel = panels.lines(
            "Idempotency keys",
            "Size of the cache: a sawtooth, cut back by the daily clean-up. It only grows: the clean-up does not run.",
            Query(one(pick(names.IDEMPOTENCY_KEYS)), "{{state}}"),
        )
        return panels.coloured(panels.stacked(panel), {"live": CALM, "expired": WARN})

    def expired(self) -> timeseries.Panel:
        """Does the daily clean-up run?"""
        panel = panels.lines(
            "Oldest expired key",
            "For how long the oldest expired key has been expired. Line: the clean-up has missed a day. Expired keys "
            "still answer with old results. The clean-up is due at 03:00 by pg_cron's clock. See cron.job_run_details.",
            Query(f"{self.judged('outbox:expired_key_age_seconds')} / {HOUR}", "hours expired"),
            Query(f"{one(pick(names.CRON_TIMEZONE_OFFSET))} / {HOUR}", "pg_cron's clock, ahead of UTC"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxCleanupOverdue", unit=HOUR))
        return panels.coloured(panel.axis_label("hours").no_value("No expired key is left."), {"hours expired": CALM})

    def retention(self) -> timeseries.Panel:
        """Does the weekly clean-up run?"""
        panel = panels.lines(
            "Oldest processed job kept",
            "Age of the oldest processed job. Line: the weekly clean-up has missed a week. See cron.job_run_details.",
            Query(f"{self.judged('outbox:oldest_processed_age_seconds')} / {DAY}", "days kept"),
        )
        panels.with_limits(panel, limits(self.policy, "OutboxRetentionOverdue", unit=DAY))
        return panels.coloured(panel.axis_label("days").no_value("No processed job is kept."), {"days kept": CALM})
