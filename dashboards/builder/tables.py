"""Panels of the tables themselves: dead and live rows, size, VACUUM and its horizon, pg_cron's clean-up jobs."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import statetimeline, table, timeseries

from dashboards.builder import panels
from dashboards.builder.limits import limits
from dashboards.builder.meanings import GOOD, WARN, map_boolean, map_value
from dashboards.builder.panels import PanelQuery, TableColumn
from dashboards.builder.promql import PanelGroup, age, minutes, one, pick
from exporter.metrics import catalogue

HOUR = 3600
_UNCOUNTED = "Unknown: neither VACUUM nor ANALYZE has counted rows, or a standby answers."


@dataclass(frozen=True)
class TablePanels(PanelGroup):
    """Panels of the tables themselves."""

    def dead_rows(self) -> timeseries.Panel:
        """Dead rows by table."""
        panel = panels.lines(
            "Dead rows",
            "Rows that VACUUM has not removed, as PostgreSQL estimates them. Polls read those of job_outbox. Steps "
            "down: VACUUM runs. A steady rise: it does not run, or it cannot remove them; see the horizon.",
            PanelQuery(one(pick(catalogue.TABLE_DEAD_ROWS)), "{{table}}"),
            empty=_UNCOUNTED,
        )
        return panels.log_scale(panel, zero=True)

    def live_rows(self) -> timeseries.Panel:
        """Live rows by table."""
        panel = panels.lines(
            "Live rows",
            "Rows of each table, as PostgreSQL estimates them. A rise over weeks: a clean-up does not run.",
            PanelQuery(one(pick(catalogue.TABLE_LIVE_ROWS)), "{{table}}"),
            empty=_UNCOUNTED,
        )
        return panels.log_scale(panel, zero=True)

    def sizes(self) -> timeseries.Panel:
        """Size by table."""
        return panels.lines(
            "Size on disk",
            "Each table with its indexes and TOAST. VACUUM makes room within the files and seldom returns it. A rise "
            "with constant live rows: bloat.",
            PanelQuery(one(pick(catalogue.TABLE_SIZE)), "{{table}}"),
            unit="bytes",
        )

    def vacuums(self) -> timeseries.Panel:
        """The time since the last VACUUM by table."""
        return panels.lines(
            "Last VACUUM",
            "Hours since VACUUM or autovacuum last finished with each table, whether or not it could remove rows. It "
            "runs when a fifth of the rows are dead, by default.",
            PanelQuery(f"({age(catalogue.TABLE_LAST_VACUUM)}) / {HOUR}", "{{table}}"),
            empty="VACUUM has not run yet, or a standby answers.",
        ).axis_label("hours")

    def held(self) -> timeseries.Panel:
        """How long the vacuum horizon has been held back."""
        return panels.lines(
            "Vacuum horizon held back",
            "While dead rows stay although VACUUM runs: how long the oldest session, prepared transaction, replication "
            "slot or standby has been the cause. Line: a ticket. The exporter's status page names it. No series while "
            "none stay.",
            PanelQuery(minutes(self.signal("outbox:vacuum_horizon_held_seconds")), "by a {{holder}}"),
            unit=panels.MINUTES,
            limits=limits(self.policy, "OutboxVacuumBlocked", unit=60),
            empty="No dead row stays, as far as is known.",
        )

    def horizon(self) -> statetimeline.Panel:
        """Whether the vacuum horizon is pinned, by table."""
        return panels.timeline(
            "Vacuum horizon",
            "Pinned: dead rows of the table stay although VACUUM has run twice, because something may still see them. "
            "A gap: unknown.",
            PanelQuery(one(pick(catalogue.VACUUM_HORIZON_PINNED)), "{{table}}"),
            states=(map_value(0, "moves", GOOD), map_value(1, "pinned", WARN)),
            empty="Unknown until VACUUM has run twice.",
        )

    def clean_ups(self) -> table.Panel:
        """The last runs of pg_cron's clean-up jobs."""
        return panels.data_table(
            "Clean-up jobs",
            "The last finished run of each clean-up job of pg_cron; no line before its first. Failed: "
            "cron.job_run_details has the message.",
            "Unknown: the exporter's role sees no run of pg_cron; sql/grant_migration_access.sql lets it.",
            (
                # Prometheus renames a label that its targets have, too.
                TableColumn("exported_job", "Job"),
                TableColumn("Value #A", "Last run", mappings=map_boolean("succeeded", "failed")),
                TableColumn("Value #B", "Ago", "s"),
            ),
            PanelQuery(one(pick(catalogue.CRON_LAST_RUN_SUCCESS))),
            PanelQuery(age(catalogue.CRON_LAST_RUN)),
        )
