"""The lives of PyPI's libraries do what they say: their truth, step by step, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.outbox.lives.chancy import ChancyLife
from tests.outbox.lives.life import Life, Truth
from tests.outbox.lives.pgqueuer import DeletingPgqueuerLife, PgqueuerLife
from tests.outbox.lives.procrastinate import ProcrastinateLife

LIVES = (ProcrastinateLife, PgqueuerLife, DeletingPgqueuerLife, ChancyLife)


@pytest.fixture(params=LIVES, ids=lambda life: life.__name__)
def life(request: pytest.FixtureRequest, embedded: Cluster) -> Iterator[Life]:
    with postgres.temporary(embedded) as database:
        life = request.param(database.dsn())
        try:
            yield life
        finally:
            life.close()


def states(truth: Truth) -> tuple[int, int | None, int | None, int, int]:
    return truth.waiting, truth.failing, truth.exhausted, truth.scheduled, truth.running


def test_states(life):
    """Waiting, failing, exhausted, scheduled and running jobs, after each step."""
    exhausted = 0 if isinstance(life, DeletingPgqueuerLife) else 1
    assert life.truth() == Truth(0, 0, 0, 0, 0, processed_last_hour=0, processed_by_queue={}, failing_last_hour=0)

    life.schedule("mail")
    life.enqueue("mail", "succeed")
    life.enqueue("sms", "fail")
    life.enqueue("mail", "retry_later")
    truth = life.truth()
    assert states(truth) == (3, 0, 0, 1, 0)
    assert truth.by_queue == {"mail": 2, "sms": 1}
    assert (truth.oldest_failing, truth.seconds_avg) == (None, None)

    life.run(99)
    truth = life.truth()
    assert states(truth) == (0, 0, exhausted, 2, 0)
    assert truth.by_queue == ({"sms": 1} if exhausted else {})
    assert (truth.processed_last_hour, truth.processed_by_queue, truth.failing_last_hour) == (1, {"mail": 1}, 2)
    assert truth.oldest_waiting is None

    life.enqueue("push", "fail")
    life.run(1)
    assert states(life.truth()) == (0, 1, exhausted, 2, 0)

    # The oldest job is the one for tomorrow.
    life.enqueue("sms", "succeed")
    life.cancel()
    assert states(life.truth()) == (1, 1, exhausted, 1, 0)

    life.crash("late")
    assert states(life.truth()) == (1, 1, exhausted, 1, 1)

    # The job of the killed worker runs again, and succeeds.
    life.crash("late")
    truth = life.truth()
    assert states(truth) == (1, 1, exhausted, 1, 1)
    assert (truth.processed_by_queue, truth.failing_last_hour) == ({"mail": 1, "late": 1}, 3)


def test_what_is_deleted_was_processed(life):
    """The figures of the last hour keep the jobs whose rows are deleted; the oldest row is gone."""
    life.enqueue("mail", "succeed")
    life.run(1)
    before = life.truth()
    life.prune()
    after = life.truth()
    assert (before.processed_last_hour, after.processed_last_hour) == (1, 1)
    assert before.seconds_avg == pytest.approx(after.seconds_avg)
    assert before.oldest_processed is not None
    assert after.oldest_processed is None
