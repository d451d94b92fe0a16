"""The collectors of one configuration, with their database and the snapshot store; without a schedule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from exporter.collectors.backlog import BacklogCollector
from exporter.collectors.completions import Completions
from exporter.collectors.conservation import Conservation
from exporter.collectors.database import DatabaseCollector
from exporter.collectors.events import EventsCollector
from exporter.collectors.idempotency import IdempotencyCollector
from exporter.collectors.last_hour import LastHourCollector
from exporter.collectors.maintenance import MaintenanceCollector
from exporter.collectors.migration import MigrationCollector
from exporter.collectors.retention import RowRetention
from exporter.collectors.tables import TablesCollector
from exporter.collectors.throughput import ThroughputCollector
from exporter.config.settings import ApplicationSettings, Config
from exporter.database import DatabaseClient
from exporter.database.indexes import IndexCatalogue
from exporter.metrics.availability import collectors
from exporter.metrics.catalogue import CRITICAL_COLLECTORS, CollectorName
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.snapshot import CollectorTarget, SnapshotStore
from exporter.migration.maintenance import MaintenanceFile
from exporter.sampling.run import ScheduledCollector, run_once

if TYPE_CHECKING:
    from exporter.collectors.application import ApplicationCollector

# The migration is checked every so many sampling intervals, five minutes at the default: only people change it.
MIGRATION_INTERVALS = 20
# So are the tables' statistics read: autovacuum looks at a table once a minute, and what holds its rows for a few
# minutes does no harm.
TABLES_INTERVALS = 20


@dataclass(frozen=True, slots=True)
class BoundedLabels:
    """The values in use of the labels that come from the database."""

    queues: LabelLimit
    sources: LabelLimit
    events: LabelLimit

    def by_name(self) -> Mapping[str, LabelLimit]:
        """By the label's name."""
        return {"queue": self.queues, "source": self.sources, "event": self.events}


class CollectorSet:
    """The collectors of one configuration. They run once, one after the other; `Sampler` adds a schedule."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.mapping = config.outbox.mapping()
        self.database = DatabaseClient(config.database, self.mapping)
        self._application = _application_collector(config.application) if config.application else None
        self.index_catalogue = IndexCatalogue()
        shared = self.database, self.index_catalogue
        events = EventsCollector(*shared, config.sampling)
        self.labels = BoundedLabels(LabelLimit(config.sampling.label_limit), events.sources, events.types)
        conservation = Conservation(None if self.mapping.is_conserved else RowRetention())
        completions = Completions(self.labels.queues, conservation)
        # Collectors that are due together run in this order.
        database_collectors: tuple[DatabaseCollector, ...] = (
            BacklogCollector(*shared, config.sampling, self.labels.queues, completions),
            ThroughputCollector(*shared, completions),
            LastHourCollector(*shared, config.sampling, self.labels.queues, conservation),
            events,
            IdempotencyCollector(*shared),
        )
        self._wanted = collectors(self.mapping)
        self.database_collectors = tuple(each for each in database_collectors if each.name in self._wanted)
        self._entries = tuple(self._make_entries())
        self.store = SnapshotStore((entry.state for entry in self._entries), config.sampling.interval)

    def sample_once(self) -> None:
        """Let every collector run once, one after the other, and close again."""
        self.database.open()
        try:
            for entry in self._entries:
                self.store.record(run_once(entry.collector), entry.interval)
        finally:
            self.database.close()

    def _make_entries(self) -> Iterator[ScheduledCollector]:
        """Critical collectors and maintenance come before informational ones, which may take long."""
        interval = self.config.sampling.interval
        entries = [
            ScheduledCollector(
                collector,
                CollectorTarget.DATABASE,
                interval,
                critical=collector.name in CRITICAL_COLLECTORS,
            )
            for collector in self.database_collectors
        ]
        yield from (entry for entry in entries if entry.critical)
        yield ScheduledCollector(
            MaintenanceCollector(self.database, MaintenanceFile(self.config.watch.state_dir)),
            CollectorTarget.STATE_FILE,
            interval,
        )
        yield from (entry for entry in entries if not entry.critical)
        if CollectorName.MIGRATION in self._wanted:
            yield ScheduledCollector(
                MigrationCollector(self.database), CollectorTarget.CATALOGUE, MIGRATION_INTERVALS * interval
            )
        yield ScheduledCollector(TablesCollector(self.database), CollectorTarget.CATALOGUE, TABLES_INTERVALS * interval)
        if self._application:
            yield ScheduledCollector(self._application, CollectorTarget.APPLICATION, interval)


def _application_collector(settings: ApplicationSettings) -> "ApplicationCollector":
    # Not imported above: the HTTP client takes 50 ms, and 5 MB, which many outboxes do not need.
    collector: ApplicationCollector = import_module("exporter.collectors.application").ApplicationCollector(settings)
    return collector
