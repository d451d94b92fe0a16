"""The idempotency cache as readings, without a database."""

from exporter.collectors.idempotency import IdempotencyCollector, KeyCounts
from exporter.database.indexes import IndexRow
from tests.collectors.fake_database import FakeClient, FakeIndexes, FakeSession, row_of, values

INDEX = IndexRow("idempotency_keys", ["expires_at"], None, 10.0, None, 1, 1, False)


def test_keys_by_state_and_the_oldest_expired_one():
    """Every key was read; the index that makes it cheap is there."""
    session = FakeSession({"idempotency": row_of(KeyCounts, live=5, expired=2, oldest_expired=99.0, nulls=1)})
    assert values(IdempotencyCollector(FakeClient(), FakeIndexes(INDEX)).read(session)) == {
        ("outbox_idempotency_keys", "live"): 5,
        ("outbox_idempotency_keys", "expired"): 2,
        ("outbox_idempotency_oldest_expired_timestamp_seconds",): 99.0,
        ("outbox_odd_rows", "idempotency_keys", "null"): 1,
        ("outbox_helpful_index_missing", "idempotency_keys (expires_at)"): 0,
    }
    assert session.rows == 7


def test_an_empty_cache_has_no_oldest_key():
    """Its sizes are 0; the missing index is reported."""
    session = FakeSession({"idempotency": row_of(KeyCounts, oldest_expired=None)})
    assert values(IdempotencyCollector(FakeClient(), FakeIndexes()).read(session)) == {
        ("outbox_idempotency_keys", "live"): 0,
        ("outbox_idempotency_keys", "expired"): 0,
        ("outbox_helpful_index_missing", "idempotency_keys (expires_at)"): 1,
    }
