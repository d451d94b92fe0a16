"""Label values are bounded, and none changes its meaning."""

import random

from exporter.metrics.catalogue import OTHER
from exporter.metrics.label_limit import LabelLimit


def test_the_first_values_keep_their_names():
    """Up to the limit each value is itself; from there on it is `other`, and counted."""
    labels = LabelLimit(2)
    assert [labels(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]
    assert labels.dropped == 2


def test_known_values_come_before_all_others():
    """A value known in advance has a name even when it comes last."""
    labels = LabelLimit(3, ("API", "QUEUE", "WORKER"))
    assert labels("intruder") == OTHER
    assert labels("WORKER") == "WORKER"


def test_known_values_are_never_dropped_by_a_small_limit():
    """A limit below the number of known values does not hide them."""
    labels = LabelLimit(1, ("API", "QUEUE", "WORKER"))
    assert [labels(value) for value in ("API", "QUEUE", "WORKER")] == ["API", "QUEUE", "WORKER"]
    assert labels.dropped == 0


def test_a_value_named_other_is_not_lost():
    """A queue that is really called `other` shares the series of the overflow; nothing is counted twice."""
    labels = LabelLimit(1)
    assert dict(labels.sum([("other", 1), ("x", 2), ("y", 3)])) == {OTHER: 6}


def test_amounts_are_added_up():
    """The sum over published values is the sum over real ones."""
    labels = LabelLimit(2)
    assert dict(labels.sum([("a", 1), ("b", 2), ("a", 3), ("c", 4), ("d", 5)])) == {"a": 4, "b": 2, OTHER: 9}


def test_names_are_stable_over_a_long_life():
    """Whatever comes in whatever order: at most limit + 1 published values, the total is kept, no value is renamed."""
    rng = random.Random(7)
    labels = LabelLimit(20)
    names: dict[str, str] = {}
    for _ in range(500):
        amounts = [(f"queue-{rng.randrange(60)}", rng.randrange(100)) for _ in range(30)]
        published = labels.sum(amounts)
        assert published.total() == sum(amount for _, amount in amounts)
        assert len(published) <= 21
        for value, _ in amounts:
            assert names.setdefault(value, labels(value)) == labels(value)
