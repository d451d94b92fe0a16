"""Created, processed and unaccounted jobs since the exporter started, and processing times."""

from collections.abc import Iterable

from exporter.collectors.completions import STATEMENTS, Completions
from exporter.collectors.database import DatabaseCollector
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics.readings import Distribution, Reading


class ThroughputCollector(DatabaseCollector):
    """Jobs seen to be created and processed since the exporter started, processing times, and unaccounted jobs.

    Shape: processed jobs always, queues as they occur; created and unaccounted jobs where they can be known.
    Source: sql/processed_since.sql, sql/departed.sql; created jobs also sql/backlog_head.sql.
    """

    name = "throughput"
    index = indexes.PROCESSED
    bitmap_scans = True
    statements = STATEMENTS
    reads = (Table("job_outbox", ("outbox_id", "queue_name", "created_at", "processed_at")),)

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue, completions: Completions) -> None:
        super().__init__(database, index_catalogue)
        self._completions = completions

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The totals after one more sample. Raises: SampleError."""
        self._completions.read(session)
        return tuple(self._completions.readings())
