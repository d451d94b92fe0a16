"""What the database collectors have in common: one transaction per sample, over the tables that they name."""

from collections.abc import Iterable
from typing import Protocol

from exporter.database import Ahead, Database, Session
from exporter.errors import SampleError, Stale
from exporter.indexes import Catalogue, Index
from exporter.model import Distribution, Failure, Outcome, Reading
from exporter.visibility import Table


class DatabaseQuestion(Protocol):
    """One question to the database: the tables it reads, and how readings come of them."""

    @property
    def name(self) -> str:
        """The value of the label `collector`."""

    @property
    def reads(self) -> tuple[Table, ...]:
        """Every table and column that the question's statements touch."""

    @property
    def ahead(self) -> Ahead:
        """What it asks first, whatever it has found before."""

    @property
    def index(self) -> Index:
        """The index that makes it cheap."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The names of its statements, files of sql/."""

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The answer, in one transaction. Raises: SampleError."""


class DatabaseCollector:
    """Asks one question in one proved transaction: all of its answer, or none."""

    def __init__(self, database: Database, question: DatabaseQuestion, catalogue: Catalogue) -> None:
        self._database = database
        self._question = question
        self._catalogue = catalogue
        self.name = question.name

    def collect(self) -> Outcome:
        """One sample. Raises: SampleError when nothing can be believed."""
        try:
            with self._database.sample(*self._question.reads, ahead=self._question.ahead) as session:
                readings = tuple(self._question.read(session))
        except Stale as error:
            self._catalogue.forget()
            return Outcome(failures=(Failure(error.reason, str(error)),), server=self._database.server)
        except SampleError:
            self._catalogue.forget()
            raise
        return Outcome(readings, rows=session.rows, waited=self._database.waited, server=self._database.server)
