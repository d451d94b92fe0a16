"""The overview dashboard, for an alert at night: is it broken, where, since when, what to do."""

from collections.abc import Iterable

from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from dashboards.builder import outbox
from dashboards.builder.application import ApplicationPanels
from dashboards.builder.headline import HeadlinePanels
from dashboards.builder.layout import DashboardSection, grid_row, panel_block
from dashboards.builder.outbox import OutboxPanels
from dashboards.builder.page import OVERVIEW, DashboardHeader, page
from dashboards.builder.signals import SignalPanels
from dashboards.builder.tables import TablePanels

BACKLOG_SECTION = "Backlog: size, age, drain time"


def other_states() -> DashboardSection:
    """What the default tables do not have: it is added to the section of the backlog."""
    return DashboardSection("", (grid_row(8, (12, outbox.scheduled()), (12, outbox.running())),))


def overview(policy: Policy) -> Dashboard:
    """The dashboard, with the thresholds of this policy."""
    header = DashboardHeader(
        uid=OVERVIEW,
        title="Outbox overview",
        description="The transactional outbox and the application that drains it: is it broken, where, since when, "
        "what to do.",
        since="now-3h",
        refresh="30s",
    )
    signals, outbox, application = SignalPanels(policy), OutboxPanels(policy), ApplicationPanels(policy)
    sections = (
        _verdict(signals, HeadlinePanels(policy)),
        *_outbox(signals, outbox, application),
        *_tables(outbox, TablePanels(policy)),
        _application(application),
    )
    return page(header, sections, signals.runbooks)


def _verdict(signals: SignalPanels, headline: HeadlinePanels) -> DashboardSection:
    return DashboardSection(
        "",
        (
            grid_row(8, (4, signals.verdict()), panel_block(20, list(headline.waiting()), list(headline.failing()))),
            grid_row(8, (8, signals.conditions()), (16, signals.firing())),
            grid_row(6, (24, signals.alerts())),
        ),
    )


def _outbox(signals: SignalPanels, outbox: OutboxPanels, application: ApplicationPanels) -> Iterable[DashboardSection]:
    yield DashboardSection(
        "Throughput and failures",
        (
            grid_row(8, (8, outbox.throughput()), (8, signals.processing_time()), (8, outbox.processing_times())),
            grid_row(8, (8, signals.failures()), (8, signals.initialisations()), (8, application.initialisations())),
        ),
    )
    yield DashboardSection("Latency objective", (grid_row(8, (4, signals.budget()), (20, signals.burn_rates())),))
    yield DashboardSection(
        BACKLOG_SECTION,
        (
            grid_row(8, (8, signals.backlog()), (8, signals.ages()), (8, outbox.drain())),
            grid_row(8, (8, outbox.queue_backlog()), (8, outbox.queue_ages()), (8, signals.head())),
            grid_row(8, (12, signals.exhausted_growth()), (12, outbox.queue_exhausted())),
            grid_row(8, (7, outbox.states()), (17, outbox.queues())),
        ),
    )
    lists = panel_block(8, (outbox.last_sources(),), (outbox.last_types(),))
    yield DashboardSection(
        "Events by source and type", (grid_row(8, (8, outbox.events()), (8, outbox.event_types()), lists),)
    )


def _tables(outbox: OutboxPanels, tables: TablePanels) -> Iterable[DashboardSection]:
    yield DashboardSection(
        "Idempotency cache and clean-up",
        (
            grid_row(8, (8, outbox.keys()), (8, outbox.expired()), (8, outbox.retention())),
            grid_row(4, (24, tables.clean_ups())),
        ),
    )
    yield DashboardSection(
        "Tables and VACUUM",
        (
            grid_row(8, (8, tables.dead_rows()), (8, tables.vacuums()), (8, tables.held())),
            grid_row(8, (8, tables.sizes()), (8, tables.live_rows()), (8, tables.horizon())),
        ),
    )


def _application(own: ApplicationPanels) -> DashboardSection:
    return DashboardSection(
        "Metrics of the application",
        (
            grid_row(8, (12, own.endpoints()), (6, own.fallbacks()), (6, own.fallback_failures())),
            grid_row(8, (6, own.pending()), (6, own.counts()), (6, own.durations()), (6, own.cache_hits())),
        ),
    )
