"""The idempotency cache: how large it is, and whether its clean-up lives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.database import NO_PREFETCH, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue as names
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


class IdempotencyCollector:
    """Keys by state, and the expiry of the oldest one that should be gone. Source: sql/idempotency.sql."""

    name = "idempotency"
    prefetch = NO_PREFETCH
    index = indexes.EXPIRY
    statements = ("indexes", "idempotency")
    reads = (Table("idempotency_keys", ("expires_at",)),)

    def __init__(self, catalogue: IndexCatalogue) -> None:
        self._catalogue = catalogue

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the cache. Raises: SampleError."""
        cache = session.fetch_one("idempotency", KeyCounts)
        session.note_rows(cache.live + cache.expired)
        return (
            Reading(names.IDEMPOTENCY_KEYS, cache.live, ("live",)),
            Reading(names.IDEMPOTENCY_KEYS, cache.expired, ("expired",)),
            *_oldest(cache),
            *OddRows(cache.infinite, cache.out_of_range, cache.nulls).readings("idempotency_keys"),
            *self._catalogue.advice(session, "idempotency_keys"),
        )


def _oldest(cache: KeyCounts) -> Iterator[Reading]:
    if cache.oldest_expired is not None:
        yield Reading(names.OLDEST_EXPIRED_KEY, cache.oldest_expired)
