"""What the database collectors have in common: one transaction per sample, over the tables that they name."""

from collections.abc import Iterable
from typing import Protocol

from exporter.core.errors import SampleError, Stale
from exporter.database import Database, Prefetch, Session
from exporter.database.indexes import HelpfulIndex, IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Distribution, Reading


class DatabaseQuestion(Protocol):
    """One question to the database: the tables it reads, and how readings come of them."""

    @property
    def name(self) -> str:
        """The value of the label `collector`."""

    @property
    def reads(self) -> tuple[Table, ...]:
        """Every table and column that the question's statements touch."""

    @property
    def prefetch(self) -> Prefetch:
        """What it asks first, whatever it has found before."""

    @property
    def index(self) -> HelpfulIndex:
        """The index that makes it cheap."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The names of its statements, files of sql/."""

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The answer, in one transaction. Raises: SampleError."""


class DatabaseCollector:
    """Asks one question in one proved transaction: all of its answer, or none."""

    def __init__(self, database: Database, question: DatabaseQuestion, catalogue: IndexCatalogue) -> None:
        self._database = database
        self._question = question
        self._catalogue = catalogue
        self.name = question.name

    def collect(self) -> CollectorOutcome:
        """One sample. Raises: SampleError when nothing can be believed."""
        try:
            with self._database.sample(*self._question.reads, prefetch=self._question.prefetch) as session:
                readings = tuple(self._question.read(session))
        except Stale as error:
            self._catalogue.forget()
            return CollectorOutcome(
                failures=(CollectorFailure(error.reason, str(error)),), server=self._database.server
            )
        except SampleError:
            self._catalogue.forget()
            raise
        return CollectorOutcome(
            readings, rows=session.rows, network_time=self._database.network_time, server=self._database.server
        )
