"""Created, processed and unaccounted jobs since the exporter started, and processing times."""

from collections.abc import Iterable

from exporter.collectors.completions import STATEMENTS, Completions
from exporter.collectors.database import DatabaseCollector
from exporter.database import DatabaseClient, Session, indexes, relations
from exporter.database.indexes import IndexCatalogue
from exporter.metrics.readings import Distribution, Reading


class ThroughputCollector(DatabaseCollector):
    """Jobs seen to be created and processed since the exporter started, processing times, and unaccounted jobs.

    Shape: processed jobs always, queues as they occur; created and unaccounted jobs where they can be known.
    Source: sql/processed_since.sql, sql/departed.sql; created jobs also sql/backlog_head.sql.
    """

    name = "throughput"
    bitmap_scans = True
    statements = STATEMENTS

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue, completions: Completions) -> None:
        reads = relations.reads(database.mapping, "processed_jobs", "all_jobs")
        super().__init__(database, index_catalogue, reads, indexes.processed(database.mapping))
        self._completions = completions

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The totals after one more sample. Raises: SampleError."""
        self._completions.read(session)
        return tuple(self._completions.readings())
