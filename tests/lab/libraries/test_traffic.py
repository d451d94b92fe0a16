"""The jobs that are added to a library's outbox."""

import random
from collections import Counter
from itertools import islice

import pytest

from exporter.lab.libraries.traffic import jobs, poison_jobs


def test_traffic():
    """Four jobs a second in three queues; a few fail at first, a few are due later, none always fails."""
    some = list(islice(jobs(random.Random(7)), 4000))
    assert sum(each.after for each in some) == pytest.approx(1000, rel=0.1)
    assert set(Counter(each.queue for each in some)) == {"mail", "reports", "webhooks"}
    assert {each.fails for each in some} == {0.0, 0.8}
    assert sum(each.fails > 0 for each in some) == pytest.approx(240, rel=0.3)
    assert {each.delay for each in some} == {0, 30}
    assert sum(each.delay > 0 for each in some) == pytest.approx(200, rel=0.3)


def test_poison_jobs():
    """Twenty, at once."""
    assert Counter(poison_jobs()) == {("webhooks", 4_102_444_800.0, 0, 0.0): 20}
