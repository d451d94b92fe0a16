"""Limits the values of a label that come from the database: the first are kept, the rest become `other`."""

from collections import Counter
from collections.abc import Iterable

from exporter.metrics.catalogue import OTHER


class LabelLimit:
    """The values in use of one label.

    A value keeps its name for the life of the process, so that no series changes its meaning between two scrapes:
    first come, first served, values known in advance before all others. `limit` is the number of values.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._values = set(known)
        self.dropped = 0

    def __call__(self, value: str | None) -> str:
        """The label value to publish for `value`; `dropped` counts the values replaced by `other` beyond the limit.

        None becomes `other`, too: a job without a queue is counted, and a label needs a value.
        """
        if value is None:
            return OTHER
        if value in self._values:
            return value
        if len(self._values) < self._limit:
            self._values.add(value)
            return value
        self.dropped += 1
        return OTHER

    def name(self, value: str | None) -> str:
        """The published label value, without keeping a place for it or counting it."""
        return value if value is not None and value in self._values else OTHER

    def sum(self, amounts: Iterable[tuple[str | None, int]]) -> Counter[str]:
        """Amounts added up by published label value."""
        total: Counter[str] = Counter()
        for value, amount in amounts:
            total[self(value)] += amount
        return total
