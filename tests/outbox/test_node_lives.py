"""The lives of npm's libraries do what they say: their truth, step by step, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.outbox.lives import bullmq, graphile_worker, pg_boss, pg_transactional_outbox
from tests.outbox.lives.life import Truth
from tests.outbox.lives.node_life import NodeLife

LIVES: list[type[NodeLife]] = [pg_boss.Life, graphile_worker.Life, pg_transactional_outbox.Life, bullmq.Life]


@pytest.fixture(params=LIVES, ids=lambda life: life.profile)
def life(request: pytest.FixtureRequest, embedded: Cluster) -> Iterator[NodeLife]:
    with postgres.temporary(embedded) as database:
        life = request.param(database.dsn())
        try:
            yield life
        finally:
            life.close()


def states(truth: Truth) -> tuple[int | None, ...]:
    return truth.waiting, truth.failing, truth.exhausted, truth.scheduled, truth.running


def test_states(life):
    """Waiting, failing, exhausted, scheduled and running jobs, after each step."""
    life.schedule("mail")
    life.enqueue("mail", "succeed")
    life.enqueue("sms", "fail")
    life.enqueue("mail", "retry_later")
    truth = life.truth()
    assert states(truth) == (3, 0, 0, 1, 0)
    assert truth.by_queue == {"mail": 2, "sms": 1}
    assert truth.oldest_failing is None

    life.run(9)
    truth = life.truth()
    assert states(truth) == (0, 1, 0, 2, 0)
    assert truth.by_queue == {"sms": 1}
    assert truth.oldest_waiting is None
    # Graphile Worker deletes the rows of processed jobs; it and pg-transactional-outbox do not store when a job failed.
    assert truth.processed_last_hour == (None if life.profile == "graphile-worker" else 1)
    assert truth.failing_last_hour == (2 if life.profile in {"pg-boss", "bullmq"} else None)

    life.run(9)
    assert states(life.truth()) == (0, 0, 1, 2, 0)

    # pg-transactional-outbox cancels nothing.
    life.enqueue("sms", "succeed")
    life.cancel()
    waiting = 1 if life.profile == "pg-transactional-outbox" else 0
    assert states(life.truth()) == (waiting, 0, 1, 2, 0)

    # A message of pg-transactional-outbox is locked for a short time, whether its worker lives or not.
    life.crash("push")
    crashed = (1, 1, 1, 2, 0) if life.profile == "pg-transactional-outbox" else (0, 0, 1, 2, 1)
    assert states(life.truth()) == crashed

    # BullMQ does not count the attempt of a killed worker.
    life.prune()
    truth = life.truth()
    returned = {"pg-transactional-outbox": (1, 1, 0, 2, 0), "bullmq": (1, 0, 0, 2, 0)}
    assert states(truth) == returned.get(life.profile, (0, 1, 0, 2, 0))
    assert truth.processed_last_hour is None
    assert truth.oldest_processed is None
