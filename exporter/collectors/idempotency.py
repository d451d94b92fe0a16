"""The idempotency cache: its size, and whether its clean-up removes expired keys."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.collectors.database import DatabaseCollector
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.odd_rows import OddRows
from exporter.metrics.readings import Reading


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """The one row of sql/idempotency.sql; `oldest_expired` in Unix seconds."""

    live: int
    expired: int
    oldest_expired: float | None
    infinite: int
    out_of_range: int
    nulls: int


class IdempotencyCollector(DatabaseCollector):
    """Keys by state, and when the oldest expired key expired. Source: sql/idempotency.sql."""

    name = "idempotency"
    statements = ("indexes", "idempotency")
    tables = (Table("idempotency_keys", ("expires_at",)),)

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue) -> None:
        super().__init__(database, index_catalogue, self.tables, indexes.EXPIRY)

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the cache. Raises: SampleError."""
        cache = session.fetch_one("idempotency", KeyCounts)
        session.note_rows(cache.live + cache.expired)
        return (
            Reading(catalogue.IDEMPOTENCY_KEYS, cache.live, ("live",)),
            Reading(catalogue.IDEMPOTENCY_KEYS, cache.expired, ("expired",)),
            *_oldest(cache),
            *OddRows(cache.infinite, cache.out_of_range, cache.nulls).readings("idempotency_keys"),
            *self._index_catalogue.advice(session, "idempotency_keys"),
        )


def _oldest(cache: KeyCounts) -> Iterator[Reading]:
    if cache.oldest_expired is not None:
        yield Reading(catalogue.OLDEST_EXPIRED_KEY, cache.oldest_expired)
