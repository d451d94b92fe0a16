"""Panels about the application: the initialisations it tries, and its own word about itself."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import statetimeline, timeseries

from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.limits import limits
from dashboards.builder.meanings import BAD, CALM, GOOD, WARN, map_boolean
from dashboards.builder.panels import PanelQuery
from dashboards.builder.promql import age, one, per_minute, pick
from exporter.metrics import catalogue


@dataclass(frozen=True)
class ApplicationPanels(PanelGroup):
    """Panels by what they answer."""

    def starts(self) -> timeseries.Panel:
        """Do users begin anything?"""
        panel = panels.lines(
            "Initialisations per minute",
            "Course generations that the application began, and those that failed. None at all although people work: "
            "users do not reach the application.",
            PanelQuery(per_minute(catalogue.APP_FSM_INITIALIZATIONS), "{{result}}"),
        )
        return panels.coloured(panels.bars(panel), {"succeeded": CALM, "failed": BAD})

    def endpoints(self) -> statetimeline.Panel:
        """What does it say of itself?"""
        return panels.timeline(
            "Endpoints and health checks",
            "Which of the application's metrics endpoints answer, and what it says of itself. It knows less than the "
            "database: believe its red, not its green.",
            PanelQuery(one(pick(catalogue.APP_UP)), "{{endpoint}}"),
            PanelQuery(one(pick(catalogue.APP_HEALTHY)), "healthy"),
            PanelQuery(one(pick(catalogue.APP_CHECK)), "{{check}}"),
            states=map_boolean(),
        ).no_value("No application is configured, or it has not been asked yet.")

    def fallbacks(self) -> timeseries.Panel:
        """Must the layers behind the RPC act?"""
        layers = f"increase({pick(catalogue.APP_FALLBACK_ACTIVATIONS)}[$__rate_interval])"
        panel = panels.lines(
            "Fallback activations",
            "How often the layers behind the RPC had to act. Line: more than this in five minutes is a ticket. They "
            "act: initialisations fail, see there.",
            PanelQuery(one(layers), "layer {{layer}}"),
            PanelQuery(self.signal("outbox:fallback_activations:increase5m"), "in 5 minutes"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxFallbacksFrequent"))
        return panels.coloured(panel, {"layer 2": CALM, "layer 3": "purple", "in 5 minutes": WARN})

    def fallback_failures(self) -> timeseries.Panel:
        """Do even they fail?"""
        layers = f"increase({pick(catalogue.APP_FALLBACK_FAILURES)}[$__rate_interval])"
        panel = panels.lines(
            "Fallback failures",
            "How often a layer behind the RPC failed too. Behind them there is none: those courses were not started. "
            "Line: a page, for ten minutes' worth.",
            PanelQuery(one(layers), "layer {{layer}}"),
            PanelQuery(self.signal("outbox:fallback_failures:increase10m"), "in 10 minutes"),
        )
        panels.with_thresholds(panel, limits(self.policy, "OutboxFallbacksFailing"))
        return panels.coloured(panel, {"layer 2": CALM, "layer 3": "purple", "in 10 minutes": BAD})

    def pending(self) -> timeseries.Panel:
        """What does it believe to wait?"""
        panel = panels.lines(
            "Pending, by its word",
            "As deployed, the application reports the size of its last batch, 100 at most; the table knows the truth.",
            PanelQuery(one(pick(catalogue.APP_PENDING_JOBS)), "application"),
            PanelQuery(self.signal("outbox:backlog_jobs"), "table"),
        )
        return panels.coloured(panel, {"application": "purple", "table": CALM})

    def counts(self) -> timeseries.Panel:
        """What does it believe to have done?"""
        panel = panels.lines(
            "Done / min, by its word",
            "As deployed, permanent failures count as processed and failed stays 0. The application lies above the "
            "table: jobs fail for good, or courses were deleted.",
            PanelQuery(per_minute(catalogue.APP_PROCESSED_JOBS), "application"),
            PanelQuery(per_minute(catalogue.APP_FAILED_JOBS), "application: failed"),
            PanelQuery(per_minute(catalogue.PROCESSED_JOBS), "table"),
        )
        return panels.coloured(panel, {"application": "purple", "application: failed": BAD, "table": CALM})

    def durations(self) -> timeseries.Panel:
        """How long does it take?"""
        panel = panels.lines(
            "Durations, by its word",
            "Mean duration of an initialisation, and how long ago its processor last finished a poll, which moves on "
            "empty polls too. A job's mean is there in the documented dialect only.",
            PanelQuery(one(pick(catalogue.APP_FSM_DURATION)), "initialisation"),
            PanelQuery(one(pick(catalogue.APP_PROCESSING_TIME)), "job"),
            PanelQuery(age(catalogue.APP_LAST_PROCESSED), "since last poll"),
        )
        colours = {"initialisation": CALM, "job": GOOD, "since last poll": "purple"}
        return panels.coloured(panels.log_scale(panel), colours).unit("s")

    def cache_hits(self) -> timeseries.Panel:
        """Do people retry?"""
        panel = panels.lines(
            "Cache hits, by its word",
            "Share of the initialisations that were answered from the idempotency cache: repeats by impatient users. "
            "It jumps: somebody retries in a loop.",
            PanelQuery(one(pick(catalogue.APP_FSM_CACHE_HIT_RATIO)), "hits"),
        )
        return panels.coloured(panel.unit("percentunit").max(1), {"hits": CALM})
