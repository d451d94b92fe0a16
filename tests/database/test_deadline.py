"""A conversation with the server ends at its deadline, whatever the server does."""

import time

import pytest
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

from exporter.database.deadline import Deadline, DeadlineExceeded


def exchange() -> PQGen[int]:
    """Two waits for the server, and an answer."""
    assert (yield Wait.R) == Ready.R
    assert (yield Wait.W) == Ready.W
    return 42


def finish(conversation: PQGen[int]) -> int:
    """Answers every wait at once; the generator's result."""
    try:
        wanted = next(conversation)
        while True:
            wanted = conversation.send(Ready.R if wanted == Wait.R else Ready.W)
    except StopIteration as end:
        return int(end.value)


def test_a_conversation_in_time_returns_its_answer():
    """It waits for the same as without a deadline."""
    deadline = Deadline()
    with deadline.within(60):
        conversation = deadline.limit(exchange())
        assert next(conversation) == Wait.R
        assert conversation.send(Ready.R) == Wait.W
        with pytest.raises(StopIteration) as ended:
            conversation.send(Ready.W)
    assert ended.value.value == 42


def test_after_the_deadline_the_next_wait_raises():
    """The message goes to the log and the status page."""
    deadline = Deadline()
    with deadline.within(-1):
        conversation = deadline.limit(exchange())
        next(conversation)
        with pytest.raises(DeadlineExceeded, match="no answer from the server in time"):
            conversation.send(Ready.R)


def test_without_a_context_there_is_no_deadline():
    """Nor after one has ended."""
    deadline = Deadline()
    assert finish(deadline.limit(exchange())) == 42
    with deadline.within(-1):
        pass
    assert finish(deadline.limit(exchange())) == 42


def test_stopping_ends_every_conversation():
    """However much time is left."""
    deadline = Deadline()
    deadline.stopping.set()
    started = time.monotonic()
    with deadline.within(60), pytest.raises(DeadlineExceeded, match="the exporter is stopping"):
        finish(deadline.limit(exchange()))
    assert time.monotonic() - started < 10
