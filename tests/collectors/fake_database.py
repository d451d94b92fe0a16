"""A client of a database that answers from a table of rows, so that collectors are tested without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from exporter.core.errors import SampleError
from exporter.database import DatabaseClient, Session
from exporter.database.indexes import IndexCatalogue, IndexRow
from exporter.database.visibility import Table
from exporter.metrics.readings import DatabaseServer, Reading
from exporter.outbox.mapping import DEFAULT

NOW = 1_700_000_000.0


class FakeSession(Session):
    """Answers each statement with prepared rows, and records its parameters."""

    def __init__(self, answers: dict[str, Any], *, standby: bool = False) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.bitmap_scans: list[bool] = []
        self.now = NOW
        self.schema = "public"
        self.mapping = DEFAULT
        self.rows = 0
        self._standby = standby

    @property
    def is_standby(self) -> bool:
        return self._standby

    def fetch(self, name: str, row: type[Any], **parameters: object) -> list[Any]:
        self.asked.append((name, parameters))
        answer = self.answers[name]
        rows = answer(**parameters) if callable(answer) else answer
        return [row(**each) for each in (rows if isinstance(rows, list) else [rows])]

    def may_be_null(self, column: str) -> bool:
        return column == "fsm_events.created_at"

    def prefer_bitmap_scans(self, *, bitmap_scans: bool = True) -> None:
        self.bitmap_scans.append(bitmap_scans)

    def parameters(self, name: str) -> list[dict[str, object]]:
        """Those of each time that a statement was asked."""
        return [parameters for asked, parameters in self.asked if asked == name]


class FakeClient(DatabaseClient):
    """Samples with the prepared session, or fails."""

    def __init__(self, session: FakeSession | None = None, error: SampleError | None = None) -> None:
        self.mapping = DEFAULT
        self.session = session or FakeSession({})
        self.error = error
        self.sampled: list[tuple[tuple[Table, ...], bool]] = []

    @property
    def network_time(self) -> float:
        return 0.25

    @property
    def server(self) -> DatabaseServer:
        return DatabaseServer(in_recovery=False, address="db:5432")

    @contextmanager
    def sample(
        self,
        *reads: Table,
        bitmap_scans: bool = False,
        primary_only: bool = False,
        statement_timeout: float | None = None,  # noqa: ARG002 - nothing is slow
    ) -> Iterator[Session]:
        self.sampled.append((reads, bitmap_scans or primary_only))
        if self.error is not None:
            raise self.error
        yield self.session


class FakeIndexes(IndexCatalogue):
    """Finds these indexes, whatever the table."""

    def __init__(self, *rows: IndexRow) -> None:
        super().__init__()
        self.found = rows
        self.forgotten = 0

    def rows(self, session: Session, table: str) -> tuple[IndexRow, ...]:  # noqa: ARG002 - the rows are prepared
        return tuple(row for row in self.found if row.table_name == table)

    def forget(self) -> None:
        self.forgotten += 1


def values(readings: Any) -> dict[tuple[str, ...], float]:
    """Values by metric name and labels, histograms left out."""
    return {
        (reading.metric.name, *reading.labels): reading.value for reading in readings if isinstance(reading, Reading)
    }


def row_of(kind: type[Any], **given: object) -> dict[str, object]:
    """All fields of a row, 0 where nothing is given."""
    return {field.name: given.get(field.name, 0) for field in fields(kind)}
