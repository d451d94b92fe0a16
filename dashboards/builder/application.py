"""Panels of the application's metrics, and of initialisations."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import statetimeline, timeseries

from dashboards.builder import panels
from dashboards.builder.limits import limits
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_boolean
from dashboards.builder.panels import PanelQuery
from dashboards.builder.promql import PanelGroup, age, one, per_minute, pick
from exporter.metrics import catalogue, terms


@dataclass(frozen=True)
class ApplicationPanels(PanelGroup):
    """Panels of the application."""

    def initialisations(self) -> timeseries.Panel:
        """Initialisations by result."""
        panel = panels.lines(
            "Initialisations per minute",
            "Course generations that the application began, and those that failed. None although people work: users "
            "do not reach the application.",
            PanelQuery(per_minute(catalogue.APP_FSM_INITIALIZATIONS), "{{result}}"),
            colours={"succeeded": CALM, "failed": BAD},
        )
        return panels.bars(panel)

    def endpoints(self) -> statetimeline.Panel:
        """Endpoints, health and its checks."""
        return panels.timeline(
            "Endpoints and health checks",
            "Which of the application's metrics endpoints answer, and its own health checks. The application knows "
            "less than the database: its failures are reliable, its health is not.",
            PanelQuery(one(pick(catalogue.APP_UP)), "{{endpoint}}"),
            PanelQuery(one(pick(catalogue.APP_HEALTHY)), "healthy"),
            PanelQuery(one(pick(catalogue.APP_CHECK)), "{{check}}"),
            states=map_boolean(),
            empty="No application is configured, or it has not been sampled yet.",
        )

    def fallbacks(self) -> timeseries.Panel:
        """Activations of the fallback layers."""
        layers = f"increase({pick(catalogue.APP_FALLBACK_ACTIVATIONS)}[$__rate_interval])"
        return panels.lines(
            terms.FALLBACK_ACTIVATIONS.name,
            "Activations of the layers behind the RPC. Line: more than this in five minutes opens a ticket. They "
            "follow failed initialisations.",
            PanelQuery(one(layers), "layer {{layer}}"),
            PanelQuery(self.signal("outbox:fallback_activations:increase5m"), "in 5 minutes"),
            colours={"layer 2": CALM, "layer 3": "purple", "in 5 minutes": WARN},
            limits=limits(self.policy, "OutboxFallbacksFrequent"),
            unit=panels.COUNT,
        ).decimals(0)

    def fallback_failures(self) -> timeseries.Panel:
        """Failures of the fallback layers."""
        layers = f"increase({pick(catalogue.APP_FALLBACK_FAILURES)}[$__rate_interval])"
        return panels.lines(
            terms.FALLBACK_FAILURES.name,
            "Failures of the layers behind the RPC. There are no further layers: those courses were not started. Line: "
            "the threshold of the page, for ten minutes.",
            PanelQuery(one(layers), "layer {{layer}}"),
            PanelQuery(self.signal("outbox:fallback_failures:increase10m"), "in 10 minutes"),
            colours={"layer 2": CALM, "layer 3": "purple", "in 10 minutes": BAD},
            limits=limits(self.policy, "OutboxFallbacksFailing"),
            unit=panels.COUNT,
        ).decimals(0)

    def pending(self) -> timeseries.Panel:
        """Pending jobs as the application counts them."""
        return panels.lines(
            "Pending, by the application",
            "As deployed, the application reports the size of its last batch, 100 at most. The table has all of them.",
            PanelQuery(one(pick(catalogue.APP_PENDING_JOBS)), "application"),
            PanelQuery(self.signal("outbox:backlog_jobs"), "table"),
            colours={"application": "purple", "table": CALM},
            unit=panels.COUNT,
        ).decimals(0)

    def counts(self) -> timeseries.Panel:
        """Processed jobs as the application counts them."""
        return panels.lines(
            "Processed / min, by the application",
            "As deployed, permanent failures count as processed, and failed stays 0. The application above the table: "
            "jobs fail for good, or courses were deleted.",
            PanelQuery(per_minute(catalogue.APP_PROCESSED_JOBS), "application"),
            PanelQuery(per_minute(catalogue.APP_FAILED_JOBS), "application: failed"),
            PanelQuery(per_minute(catalogue.PROCESSED_JOBS), "table"),
            colours={"application": "purple", "application: failed": BAD, "table": CALM},
        )

    def durations(self) -> timeseries.Panel:
        """Durations as the application measures them."""
        panel = panels.lines(
            "Durations, by the application",
            "Mean duration of an initialisation, and the time since the processor's last poll, empty ones included. "
            "The mean of a job is there in the documented dialect only.",
            PanelQuery(one(pick(catalogue.APP_FSM_DURATION)), "initialisation"),
            PanelQuery(one(pick(catalogue.APP_PROCESSING_TIME)), "job"),
            PanelQuery(age(catalogue.APP_LAST_PROCESSED), "since last poll"),
            unit=panels.SECONDS,
            colours={"initialisation": CALM, "job": GOOD, "since last poll": "purple"},
        )
        return panels.log_scale(panel)

    def cache_hits(self) -> timeseries.Panel:
        """The hit ratio of the idempotency cache."""
        return panels.lines(
            "Cache hits, by the application",
            "Share of the initialisations that were answered from the idempotency cache, because a user repeated them. "
            "A jump: a client retries in a loop.",
            PanelQuery(one(pick(catalogue.APP_FSM_CACHE_HIT_RATIO)), "hits"),
            unit="percentunit",
            colours={"hits": CALM},
        ).max(1)
