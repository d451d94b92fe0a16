"""Panels of the tables: throughput, drain time, queues, events, idempotency keys."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, heatmap, table, timeseries

from dashboards.builder import panels
from dashboards.builder.limits import drain_limit, limits
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_text
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import PanelGroup, age_when_sampled, minutes, one, per_minute, pick
from exporter.metrics import catalogue, terms

# Seconds. Infinity cannot be drawn, so longer drain times are drawn as a day.
LONGEST_DRAIN = 86400
# Pixels of a column with a number, so that the name in the first column has the rest.
_NUMBER = 92
HOUR, DAY = 3600, 86400
SOURCES = dict(zip(catalogue.SOURCES, (CALM, "purple", GOOD), strict=True))


@dataclass(frozen=True)
class OutboxPanels(PanelGroup):
    """Panels of the tables."""

    def throughput(self) -> timeseries.Panel:
        """Processed jobs by queue, and all that are created."""
        panel = panels.lines(
            "Processed / min, by queue",
            "Jobs that became processed. Created: jobs that arrived; above all processed ones, the backlog grows. None "
            "processed while jobs are created: the processor is down or stuck, or every job fails. None in one queue: "
            "its jobs fail.",
            PanelQuery(per_minute(catalogue.QUEUE_PROCESSED_JOBS), "{{queue}}"),
            PanelQuery(per_minute(catalogue.PROCESSED_JOBS), "all"),
            PanelQuery(per_minute(catalogue.CREATED_JOBS), "created"),
        )
        panels.stacked(panel)
        panel.override_by_name("all", [panels.unstacked(), panels.fixed_colour("text")])
        panel.override_by_name("created", [panels.unstacked(), panels.fixed_colour("purple")])
        return panels.dashed(panel, "all", "created")

    def processing_times(self) -> heatmap.Panel:
        """The distribution of processing times."""
        increase = f"increase({pick(catalogue.PROCESSING_TIME, suffix='_bucket')}[$__rate_interval])"
        return panels.heat_map(
            f"{terms.PROCESSING_TIME}, distribution",
            "Jobs by their time from creation to completion. Two bands: two kinds of jobs, or an idle processor's "
            "poll. A band that climbs: a backlog.",
            PanelQuery(f"sum by (le) ({increase})", "{{le}}"),
            "s",
        ).no_value("No job was processed in the time shown.")

    def drain(self) -> timeseries.Panel:
        """The time to drain the backlog."""
        drain = self.signal("outbox:drain_time_seconds")
        created = one(f"rate({pick(catalogue.CREATED_JOBS)}[$__rate_interval])")
        fewer = f"clamp_min({self.signal('outbox:completions_per_second')} - {created}, 0)"
        net = f"({self.signal('outbox:backlog_jobs')} > 0) / {fewer}"
        panel = panels.lines(
            terms.DRAIN_TIME.name,
            "How long the backlog, or a new job, takes at the completion rate of the last minutes; more than a day is "
            "drawn as a day. Line: too long, when the backlog is high as well. It decreases after a burst; otherwise "
            "the processor is too slow. With new jobs: until the outbox is empty, when as many arrive as lately.",
            PanelQuery(minutes(f"clamp_max({drain}, {LONGEST_DRAIN})"), "to empty"),
            PanelQuery(minutes(f"clamp_max({net}, {LONGEST_DRAIN})"), "with new jobs"),
            unit=panels.MINUTES,
            colours={"to empty": CALM, "with new jobs": "text"},
            empty="The backlog is empty.",
        )
        return panels.log_scale(panel, drain_limit(self.policy, unit=60))

    def queue_backlog(self) -> timeseries.Panel:
        """Pending jobs by queue."""
        panel = panels.lines(
            f"{terms.BACKLOG} by queue",
            "Pending jobs by queue. One queue grows alone: its jobs fail, or the queue does not exist any more.",
            PanelQuery(one(pick(catalogue.QUEUE_PENDING_JOBS)), "{{queue}}"),
            empty="No job is pending.",
        )
        return panels.stacked(panel).unit(panels.COUNT).decimals(0)

    def queue_ages(self) -> timeseries.Panel:
        """The age of the oldest job by queue."""
        return panels.lines(
            f"{terms.OLDEST_JOB} by queue",
            "Age of the oldest pending job. All rise together: the processor is down. One rises alone: its jobs fail "
            "for good.",
            PanelQuery(minutes(age_when_sampled(catalogue.QUEUE_OLDEST_PENDING)), "{{queue}}"),
            unit=panels.MINUTES,
            empty="No job is pending.",
        )

    def queue_exhausted(self) -> timeseries.Panel:
        """Exhausted jobs by queue."""
        panel = panels.lines(
            f"{terms.EXHAUSTED_JOBS} by queue",
            "Jobs whose attempts are used up, by queue. One queue: its worker or its payloads are wrong. They stay "
            "until someone fixes their cause or removes them.",
            PanelQuery(one(pick(catalogue.QUEUE_EXHAUSTED_JOBS)), "{{queue}}"),
            empty="No job is pending.",
        )
        return panel.unit(panels.COUNT).decimals(0)

    def states(self) -> table.Panel:
        """Pending jobs by state."""
        texts = (
            map_text("waiting", "waiting", CALM),
            map_text("failing", "failing", WARN),
            map_text("exhausted", "exhausted", BAD),
        )
        return panels.data_table(
            "Jobs by state",
            "Failing jobs may recover. Exhausted jobs have used up their attempts and are fetched again at every poll: "
            "repair or remove them.",
            "Unknown: the backlog is not sampled.",
            (
                TableColumn("state", "State", mappings=texts),
                TableColumn("Value #A", "Jobs", panels.COUNT, width=_NUMBER),
                TableColumn("Value #B", "Oldest is", "s", width=_NUMBER),
            ),
            PanelQuery(one(pick(catalogue.PENDING_JOBS))),
            PanelQuery(age_when_sampled(catalogue.OLDEST_PENDING)),
        )

    def queues(self) -> table.Panel:
        """Pending and processed jobs by queue."""
        return panels.data_table(
            "Queues",
            "Pending and processed jobs of each queue. Pending jobs and none processed: the jobs fail, or the queue "
            "does not exist any more. Failure ratio: of the jobs tried in the last hour.",
            "Unknown: the backlog is not sampled.",
            (
                TableColumn("queue", "Queue"),
                TableColumn("Value #A", "Pending", panels.COUNT, width=_NUMBER),
                TableColumn("Value #B", "Oldest is", "s", width=_NUMBER),
                TableColumn("Value #C", "Processed / hour", panels.COUNT, width=_NUMBER),
                TableColumn("Value #D", terms.FAILURE_RATIO.name, "percentunit", width=_NUMBER),
                TableColumn("Value #E", "Exhausted", panels.COUNT, width=_NUMBER),
                TableColumn("Value #F", "Oldest exhausted", "s", width=_NUMBER),
                TableColumn("Value #G", "Created / min", "short", width=_NUMBER),
            ),
            PanelQuery(one(pick(catalogue.QUEUE_PENDING_JOBS))),
            PanelQuery(age_when_sampled(catalogue.QUEUE_OLDEST_PENDING)),
            PanelQuery(one(pick(catalogue.QUEUE_LAST_HOUR_PROCESSED))),
            PanelQuery(one(pick(catalogue.QUEUE_LAST_HOUR_FAILURE_RATIO))),
            PanelQuery(one(pick(catalogue.QUEUE_EXHAUSTED_JOBS))),
            PanelQuery(age_when_sampled(catalogue.QUEUE_OLDEST_EXHAUSTED)),
            PanelQuery(per_minute(catalogue.QUEUE_CREATED_JOBS)),
        )

    def events(self) -> timeseries.Panel:
        """Events by source."""
        panel = panels.lines(
            "Events per minute, by source",
            "Events by the part that recorded them. None from the API: users do not reach it. More from QUEUE or "
            "WORKER: the fallback layers replace the API.",
            PanelQuery(per_minute(catalogue.EVENTS), "{{source}}"),
            colours=SOURCES,
        )
        return panels.stacked(panel)

    def event_types(self) -> timeseries.Panel:
        """Events by type."""
        return panels.stacked(
            panels.lines(
                "Events per minute, by type",
                "A type that is missing since a release was broken by it.",
                PanelQuery(per_minute(catalogue.EVENTS_BY_TYPE), "{{event}}"),
            )
        )

    def last_sources(self) -> bargauge.Panel:
        """Events of the last hour by source."""
        return panels.bar_gauges(
            "Last hour by source",
            "Events of the last hour, by the table. No QUEUE events are usual in production.",
            PanelQuery(one(pick(catalogue.LAST_HOUR_EVENTS)), "{{source}}"),
        )

    def last_types(self) -> bargauge.Panel:
        """Events of the last hour by type."""
        return panels.bar_gauges(
            "Last hour by type",
            "Events of the last hour by type, by the table.",
            PanelQuery(one(pick(catalogue.LAST_HOUR_EVENTS_BY_TYPE)), "{{event}}"),
        ).no_value("unknown, or no event")

    def keys(self) -> timeseries.Panel:
        """Idempotency keys."""
        panel = panels.lines(
            terms.IDEMPOTENCY_KEYS.name,
            "Size of the cache. The daily clean-up reduces it. A steady increase: the clean-up does not run.",
            PanelQuery(one(pick(catalogue.IDEMPOTENCY_KEYS)), "{{state}}"),
            unit=panels.COUNT,
            colours={"live": CALM, "expired": WARN},
        )
        return panels.stacked(panel)

    def expired(self) -> timeseries.Panel:
        """The age of the oldest expired key."""
        return panels.lines(
            terms.OLDEST_EXPIRED_KEY.name,
            "How long the oldest expired key has been expired. Line: the clean-up has missed a day. Expired keys still "
            "give old results. The clean-up is due at 03:00 in the time zone of pg_cron. See cron.job_run_details.",
            PanelQuery(f"{self.signal('outbox:expired_key_age_seconds')} / {HOUR}", "hours expired"),
            PanelQuery(f"{one(pick(catalogue.CRON_TIMEZONE_OFFSET))} / {HOUR}", "pg_cron's clock, ahead of UTC"),
            colours={"hours expired": CALM},
            limits=limits(self.policy, "OutboxCleanupOverdue", unit=HOUR),
            empty="There is no expired key.",
        ).axis_label("hours")

    def retention(self) -> timeseries.Panel:
        """The age of the oldest processed job."""
        return panels.lines(
            terms.OLDEST_PROCESSED_JOB.name,
            "Age of the oldest processed job. Line: the weekly clean-up has missed a week. See cron.job_run_details.",
            PanelQuery(f"{self.signal('outbox:oldest_processed_age_seconds')} / {DAY}", "days kept"),
            colours={"days kept": CALM},
            limits=limits(self.policy, "OutboxRetentionOverdue", unit=DAY),
            empty="There is no processed job.",
        ).axis_label("days")


def scheduled() -> timeseries.Panel:
    """Jobs that are not due yet."""
    return panels.lines(
        "Scheduled jobs",
        "Jobs that are not due yet, and those whose retry waits for its time. They are no backlog. Grows without end: "
        "jobs are planned faster than they become due, or every attempt fails.",
        PanelQuery(one(pick(catalogue.SCHEDULED_JOBS)), "scheduled"),
        colours={"scheduled": CALM},
    ).decimals(0)


def running() -> timeseries.Panel:
    """Jobs that a worker has."""
    return panels.lines(
        "Running jobs",
        "Jobs that a worker has taken and not finished. They are no backlog. Stays up while nothing is processed: "
        "their worker was killed, or hangs.",
        PanelQuery(one(pick(catalogue.RUNNING_JOBS)), "running"),
        colours={"running": GOOD},
    ).decimals(0)
