"""The page to open at 3 a.m.: is it broken, where, since when, what to do."""

from collections.abc import Iterable

from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from dashboards.application import ApplicationPanels
from dashboards.headline import HeadlinePanels
from dashboards.layout import Section, block, shelf
from dashboards.outbox import OutboxPanels
from dashboards.page import OVERVIEW, Sheet, page
from dashboards.signals import SignalPanels


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
    signals, outbox, application = SignalPanels(policy), OutboxPanels(policy), ApplicationPanels(policy)
    sections = (
        _verdict(signals, HeadlinePanels(policy)),
        *_outbox(signals, outbox, application),
        _application(application),
    )
    return page(sheet, sections, signals.runbooks)


def _verdict(signals: SignalPanels, headline: HeadlinePanels) -> Section:
    return Section(
        "",
        (
            shelf(8, (4, signals.verdict()), block(20, list(headline.waiting()), list(headline.failing()))),
            shelf(8, (8, signals.holds()), (8, signals.firing()), (8, signals.alerts())),
        ),
    )


def _outbox(signals: SignalPanels, outbox: OutboxPanels, application: ApplicationPanels) -> Iterable[Section]:
    yield Section(
        "Speed and failures",
        (
            shelf(8, (8, outbox.throughput()), (8, signals.speed()), (8, outbox.speeds())),
            shelf(8, (8, signals.failures()), (8, signals.initialisations()), (8, application.starts())),
        ),
    )
    yield Section(
        "Backlog: depth, age, drain",
        (
            shelf(8, (8, signals.backlog()), (8, signals.ages()), (8, outbox.drain())),
            shelf(8, (8, outbox.queue_backlog()), (8, outbox.queue_ages()), (8, signals.head())),
            shelf(6, (9, outbox.states()), (15, outbox.queues())),
        ),
    )
    lists = block(8, (outbox.last_sources(),), (outbox.last_types(),))
    yield Section("Events by source and type", (shelf(8, (8, outbox.events()), (8, outbox.event_types()), lists),))
    yield Section(
        "Idempotency cache and clean-up",
        (shelf(8, (8, outbox.keys()), (8, outbox.expired()), (8, outbox.retention())),),
    )


def _application(own: ApplicationPanels) -> Section:
    return Section(
        "The application's own word",
        (
            shelf(8, (12, own.endpoints()), (6, own.fallbacks()), (6, own.fallback_failures())),
            shelf(8, (6, own.pending()), (6, own.counts()), (6, own.durations()), (6, own.cache_hits())),
        ),
    )
