"""Panels of the exporter's process: notifications and resources."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import table, timeseries

from dashboards.builder import panels
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import SELECTED, PanelGroup, one, per_minute, pick
from exporter.metrics import catalogue

MEMORY = "process_resident_memory_bytes"


@dataclass(frozen=True)
class ProcessPanels(PanelGroup):
    """Panels of the process."""

    def waiting(self) -> timeseries.Panel:
        """Notifications that are not delivered yet."""
        return (
            panels.lines(
                "Waiting notifications",
                "By receiver. They are kept and retried; until then the receiver misses them. For minutes: check the "
                "receiver, and the exporter's log.",
                PanelQuery(one(pick(catalogue.NOTIFICATIONS_WAITING)), "{{receiver}}"),
                empty="No receiver is configured.",
            )
            .axis_soft_max(1)
            .unit(panels.COUNT)
            .decimals(0)
        )

    def notified(self) -> timeseries.Panel:
        """Notifications by result."""
        panel = panels.lines(
            "Notifications per minute, by result",
            "Notifications to each receiver, by the result of the delivery.",
            PanelQuery(per_minute(catalogue.NOTIFICATIONS), "{{receiver}}: {{result}}"),
            empty="No receiver is configured, or there was no notification.",
        )
        return panels.bars(panel).axis_soft_max(1)

    def delays(self) -> timeseries.Panel:
        """The delay of the latest alert."""
        return panels.lines(
            "Delay of the latest alert",
            "By receiver: from the beginning of its condition to its delivery, the for-duration included. It rises "
            "without a longer for-duration: the receiver answers late, or an alert was muted for a while.",
            PanelQuery(one(pick(catalogue.ALERT_DELAY)), "{{receiver}}"),
            unit=panels.SECONDS,
            empty="No alert was delivered since the start.",
        )

    def drills(self) -> timeseries.Panel:
        """The time since the last successful drill."""
        success = one(pick(catalogue.DRILL_SUCCESS))
        return panels.lines(
            "Time since the last drill",
            "By receiver: since a drill last reached it. Above a week: the latest drill failed, or the exporter was "
            "down at its time. No value: no drill yet.",
            PanelQuery(
                f"(time() - max without (instance, pod) ({pick(catalogue.DRILL_LAST_SUCCESS)})) and ({success} >= 0)",
                "{{receiver}}",
            ),
            unit=panels.SECONDS,
            empty="No drill is scheduled, or none has reached a receiver yet.",
        )

    def memory(self) -> timeseries.Panel:
        """Resident memory."""
        return panels.lines(
            "Memory",
            "Resident memory of each replica, constant after an hour. An increase over days is a leak; please report "
            "it.",
            PanelQuery(pick(MEMORY), "{{instance}}"),
            unit="bytes",
        )

    def cpu(self) -> timeseries.Panel:
        """Processor time."""
        return panels.lines(
            "CPU",
            "Share of one processor. It increases with label values, scrapes, and shorter intervals.",
            PanelQuery(f"rate({pick('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}"),
            unit="percentunit",
        )

    def descriptors(self) -> timeseries.Panel:
        """Open file descriptors."""
        return (
            panels.lines(
                "Open files and sockets",
                "Constant, whatever the database does. An increase: connections are not closed; please report it.",
                PanelQuery(pick("process_open_fds"), "{{instance}}"),
            )
            .unit(panels.COUNT)
            .decimals(0)
        )

    def scrapes(self) -> timeseries.Panel:
        """The duration of scrapes."""
        return panels.lines(
            "Duration of scrapes",
            "A scrape never waits for the database, so it takes milliseconds.",
            PanelQuery(f"scrape_duration_seconds{{{SELECTED}}}", "{{instance}}"),
            unit="s",
        )

    def builds(self) -> table.Panel:
        """Versions of the replicas."""
        return panels.data_table(
            "Replicas",
            "Version and Python of each replica. Two versions for long: a roll-out is incomplete.",
            "The exporter is not scraped.",
            (
                TableColumn("job", "Job"),
                TableColumn("instance", "Instance"),
                TableColumn("version", "Version"),
                TableColumn("python", "Python"),
            ),
            PanelQuery(pick(catalogue.BUILD_INFO)),
        )
