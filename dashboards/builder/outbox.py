"""Panels about what is in the tables: throughput, drain, queues, events, keys."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, heatmap, table, timeseries

from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.limits import drain_limit, limits
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_text
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import age, one, per_minute, pick
from exporter.metrics import catalogue

# Infinity cannot be drawn: a day of draining is as bad as never.
LONGEST_DRAIN = 86400
HOUR, DAY = 3600, 86400
SOURCES = dict(zip(catalogue.SOURCES, (CALM, "purple", GOOD), strict=True))


@dataclass(frozen=True)
class OutboxPanels(PanelGroup):
    """Panels by what they answer."""

    def throughput(self) -> timeseries.Panel:
        """Do jobs complete?"""
        panel = panels.lines(
            "Done per minute, by queue",
            "How many jobs became processed. None while the backlog grows: the processor is down, stuck, or every job "
            "fails. One queue stops: that queue refuses its jobs.",
            PanelQuery(per_minute(catalogue.QUEUE_PROCESSED_JOBS), "{{queue}}"),
            PanelQuery(per_minute(catalogue.PROCESSED_JOBS), "all"),
        )
        panels.stacked(panel)
        panel.override_by_name("all", [panels.unstacked(), panels.fixed_colour("text")])
        return panels.dashed(panel, "all")

    def speeds(self) -> heatmap.Panel:
        """How long do they take, each and every one?"""
        grown = f"increase({pick(catalogue.PROCESSING_TIME, suffix='_bucket')}[$__rate_interval])"
        return panels.heat_map(
            "Processing time, distribution",
            "How many jobs took how long from creation to completion: the darker or brighter, the more. Two bands are "
            "two kinds of jobs, or an idle processor's poll; a band that climbs is a backlog.",
            PanelQuery(f"sum by (le) ({grown})", "{{le}}"),
            "s",
        ).no_value("No job was completed in the time shown.")

    def drain(self) -> timeseries.Panel:
        """When will it be empty?"""
        drain = self.signal("outbox:drain_time_seconds")
        panel = panels.lines(
            "Drain time",
            "How long the backlog takes at the completion rate of the last minutes; what takes longer than a day, or "
            "for ever, is drawn as a day. Line: too long, when the backlog is high as well. It falls by itself after "
            "a burst; if it does not, the processor is slower than its work.",
            PanelQuery(f"clamp_max({drain}, {LONGEST_DRAIN})", "to empty"),
        )
        panels.log_scale(panel, drain_limit(self.policy))
        return panels.coloured(panel.unit("s").no_value("The backlog is empty."), {"to empty": CALM})

    def queue_backlog(self) -> timeseries.Panel:
        """Which queue waits?"""
        panel = panels.lines(
            "Backlog by queue",
            "Unprocessed jobs by the queue they are for. One queue grows alone: it refuses its jobs, or no longer "
            "exists.",
            PanelQuery(one(pick(catalogue.QUEUE_PENDING_JOBS)), "{{queue}}"),
        )
        return panels.stacked(panel).no_value("No job is unprocessed.")

    def queue_ages(self) -> timeseries.Panel:
        """Which queue has waited longest?"""
        panel = panels.lines(
            "Age of the oldest job by queue",
            "All queues rise together: the processor is down. One rises alone: its jobs fail for good.",
            PanelQuery(age(catalogue.QUEUE_OLDEST_PENDING), "{{queue}}"),
        )
        return panel.unit("s").no_value("No job is unprocessed.")

    def states(self) -> table.Panel:
        """Which jobs are poison?"""
        words = (
            map_text("waiting", "waiting", CALM),
            map_text("failing", "failing", WARN),
            map_text("exhausted", "exhausted", BAD),
        )
        return panels.grid(
            "Poison: jobs by state",
            "Failing jobs may recover. Exhausted ones were tried too often and are fetched again at every poll: repair "
            "or remove them.",
            "Not known: the backlog is not read.",
            (
                TableColumn("state", "State", mappings=words),
                TableColumn("Value #A", "Jobs", "short"),
                TableColumn("Value #B", "Oldest is", "s"),
            ),
            PanelQuery(one(pick(catalogue.PENDING_JOBS))),
            PanelQuery(age(catalogue.OLDEST_PENDING)),
        )

    def queues(self) -> table.Panel:
        """How does each queue stand?"""
        return panels.grid(
            "Queues",
            "What waits for each queue and what it took. Jobs wait and none is done: it refuses its jobs, or it is "
            "gone.",
            "Not known: the backlog is not read.",
            (
                TableColumn("queue", "Queue"),
                TableColumn("Value #A", "Unprocessed", "short"),
                TableColumn("Value #B", "Oldest is", "s"),
                TableColumn("Value #C", "Done / hour", "short"),
            ),
            PanelQuery(one(pick(catalogue.QUEUE_PENDING_JOBS))),
            PanelQuery(age(catalogue.QUEUE_OLDEST_PENDING)),
            PanelQuery(one(pick(catalogue.QUEUE_LAST_HOUR_PROCESSED))),
        )

    def events(self) -> timeseries.Panel:
        """Who acts?"""
        panel = panels.lines(
            "Events per minute, by source",
            "Who starts jobs and reports on them. The API falls silent: users do not get through. QUEUE or WORKER "
            "rises: the defence layers do the API's work.",
            PanelQuery(per_minute(catalogue.EVENTS), "{{source}}"),
        )
        return panels.coloured(panels.stacked(panel), SOURCES)

    def event_types(self) -> timeseries.Panel:
        """What happens?"""
        return panels.stacked(
            panels.lines(
                "Events per minute, by type",
                "What happens. A type that is missing since a release is what the release broke.",
                PanelQuery(per_minute(catalogue.EVENTS_BY_TYPE), "{{event}}"),
            )
        )

    def last_sources(self) -> bargauge.Panel:
        """Who acted in the last hour?"""
        return panels.bar_gauges(
            "Last hour by source",
            "Events of the last hour, as the table says. No QUEUE events are usual in production.",
            PanelQuery(one(pick(catalogue.LAST_HOUR_EVENTS)), "{{source}}"),
        )

    def last_types(self) -> bargauge.Panel:
        """What happened in the last hour?"""
        return panels.bar_gauges(
            "Last hour by type",
            "Events of the last hour by type, as the table says.",
            PanelQuery(one(pick(catalogue.LAST_HOUR_EVENTS_BY_TYPE)), "{{event}}"),
        ).no_value("No event in the last hour.")

    def keys(self) -> timeseries.Panel:
        """How large is the cache?"""
        panel = panels.lines(
            "Idempotency keys",
            "Size of the cache: a sawtooth, cut back by the daily clean-up. It only grows: the clean-up does not run.",
            PanelQuery(one(pick(catalogue.IDEMPOTENCY_KEYS)), "{{state}}"),
        )
        return panels.coloured(panels.stacked(panel), {"live": CALM, "expired": WARN})

    def expired(self) -> timeseries.Panel:
        """Does the daily clean-up run?"""
        panel = panels.lines(
            "Oldest expired key",
            "For how long the oldest expired key has been expired. Line: the clean-up has missed a day. Expired keys "
            "still answer with old results. The clean-up is due at 03:00 by pg_cron's clock. See cron.job_run_details.",
            PanelQuery(f"{self.signal('outbox:expired_key_age_seconds')} / {HOUR}", "hours expired"),
            PanelQuery(f"{one(pick(catalogue.CRON_TIMEZONE_OFFSET))} / {HOUR}", "pg_cron's clock, ahead of UTC"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxCleanupOverdue", unit=HOUR))
        return panels.coloured(panel.axis_label("hours").no_value("No expired key is left."), {"hours expired": CALM})

    def retention(self) -> timeseries.Panel:
        """Does the weekly clean-up run?"""
        panel = panels.lines(
            "Oldest processed job kept",
            "Age of the oldest processed job. Line: the weekly clean-up has missed a week. See cron.job_run_details.",
            PanelQuery(f"{self.signal('outbox:oldest_processed_age_seconds')} / {DAY}", "days kept"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxRetentionOverdue", unit=DAY))
        return panels.coloured(panel.axis_label("days").no_value("No processed job is kept."), {"days kept": CALM})
