"""The base class of the collectors that read rows: one transaction per sample, over the tables that they name."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from exporter.core.errors import SampleError, Stale
from exporter.database import DatabaseClient, Session
from exporter.database.indexes import HelpfulIndex, IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics.availability import unknown_metrics
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Distribution, Reading, UnknownValue


class DatabaseCollector(ABC):
    """Reads rows in one transaction per sample: all of its readings, or none.

    Shape: `name` is the value of the label `collector`; `reads` has every table and column that the statements touch;
    `statements` are names of files in sql/; `index` is the one that makes them cheap, None where none would;
    `bitmap_scans` is whether the next sample's first one takes bitmap scans (`Session.prefer_bitmap_scans`). Metrics
    that the mapping of the jobs cannot tell are left out.
    """

    name: ClassVar[str]
    statements: ClassVar[tuple[str, ...]]
    bitmap_scans: bool = False

    def __init__(
        self,
        database: DatabaseClient,
        index_catalogue: IndexCatalogue,
        reads: tuple[Table, ...],
        index: HelpfulIndex | None,
    ) -> None:
        self.reads = reads
        self.index = index
        self._database = database
        self._index_catalogue = index_catalogue
        self._unknown = frozenset(unknown_metrics(database.mapping))

    @abstractmethod
    def read(self, session: Session) -> Iterable[Reading | Distribution | UnknownValue]:
        """The readings of one sample, all from this session's snapshot. Raises: SampleError."""

    def collect(self) -> CollectorOutcome:
        """One sample. Raises: SampleError, unless a standby is too far behind: then its failure names the server."""
        try:
            with self._database.sample(*self.reads, bitmap_scans=self.bitmap_scans) as session:
                found = tuple(each for each in self.read(session) if each.metric not in self._unknown)
        except Stale as error:
            self._index_catalogue.forget()
            failure = CollectorFailure(error.reason, str(error))
            return CollectorOutcome(failures=(failure,), server=self._database.server)
        except SampleError:
            self._index_catalogue.forget()
            raise
        return CollectorOutcome(
            tuple(each for each in found if not isinstance(each, UnknownValue)),
            rows=session.rows,
            network_time=self._database.network_time,
            server=self._database.server,
            unknown={each.metric: each.reason for each in found if isinstance(each, UnknownValue)},
        )
