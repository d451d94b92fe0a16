"""Panels about the exporter as a program: what it notifies, and what it needs."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import table, timeseries

from dashboards.builder import panels
from dashboards.builder.drawing import PanelGroup
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, one, per_minute, pick
from exporter.metrics import catalogue

MEMORY = "process_resident_memory_bytes"


@dataclass(frozen=True)
class ProcessPanels(PanelGroup):
    """Panels by what they answer."""

    def waiting(self) -> timeseries.Panel:
        """Does anybody hear it?"""
        panel = panels.lines(
            "Notifications that wait",
            "By receiver. They are kept and sent again; until then nobody there hears of an alert. For minutes: look "
            "at the receiver, and at the exporter's log.",
            PanelQuery(one(pick(catalogue.NOTIFICATIONS_WAITING)), "{{receiver}}"),
        )
        return panel.axis_soft_max(1).no_value("No receiver is configured.")

    def notified(self) -> timeseries.Panel:
        """What did it say?"""
        panel = panels.lines(
            "Notifications per minute, by result",
            "What was sent to each receiver, and what came of it.",
            PanelQuery(per_minute(catalogue.NOTIFICATIONS), "{{receiver}}: {{result}}"),
        )
        return panels.bars(panel).axis_soft_max(1).no_value("No receiver is configured, or nothing was to be said.")

    def memory(self) -> timeseries.Panel:
        """Does it grow?"""
        panel = panels.lines(
            "Memory",
            "Resident memory of each replica: level after an hour. It climbs for days: that is a leak, please report "
            "it.",
            PanelQuery(pick(MEMORY), "{{instance}}"),
        )
        return panel.unit("bytes")

    def cpu(self) -> timeseries.Panel:
        """Does it work hard?"""
        panel = panels.lines(
            "CPU",
            "Share of one processor. It climbs: more label values, more scrapes, or shorter intervals.",
            PanelQuery(f"rate({pick('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}"),
        )
        return panel.unit("percentunit")

    def descriptors(self) -> timeseries.Panel:
        """Does it leak?"""
        return panels.lines(
            "Open files and sockets",
            "Level, whatever the database does. It climbs: connections are not closed, please report it.",
            PanelQuery(pick("process_open_fds"), "{{instance}}"),
        )

    def scrapes(self) -> timeseries.Panel:
        """What does Prometheus get?"""
        panel = panels.lines(
            "Duration of scrapes",
            "A scrape never waits for the database: milliseconds, whatever happens there.",
            PanelQuery(f"scrape_duration_seconds{{{SELECTED}}}", "{{instance}}"),
        )
        return panel.unit("s")

    def builds(self) -> table.Panel:
        """Who is it?"""
        return panels.grid(
            "Replicas",
            "Version and Python of each replica. Two versions for long: a roll-out is stuck.",
            "The exporter is not scraped.",
            (
                TableColumn("job", "Job"),
                TableColumn("instance", "Instance"),
                TableColumn("version", "Version"),
                TableColumn("python", "Python"),
            ),
            PanelQuery(pick(catalogue.BUILD_INFO)),
        )
