"""Rows with values that no metric can use: infinite times, times out of range, NULL where a value is required.

Such a row is left out of the metrics that need the value, and of no other: a job with an infinite `created_at` is
pending, so it is counted in the backlog, and has no age. The rows left out are counted here, by table and kind.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

# By so many seconds a time may be ahead of the database's clock and still count: the application's clock sets
# `processed_at`. The same ten minutes as exporter.collectors.watermark.SETTLING_WINDOW, by which it may lag. A time in
# or before 1970's first instant counts as missing: a zero becomes such a time.
MAX_CLOCK_LEAD = 600.0
# A completion or an event is new, whatever its clock, up to here, seconds: a mistaken zone makes up to 14 hours.
# Beyond it a time is made up ('infinity', 9999-12-31), and such rows would be listed again at every sample for ever.
MAX_CLOCK_LEAD_NEW = 86_400.0

_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "infinite": "an infinite time; no age, average or last hour counts them",
        "out_of_range": (
            "a time before 1970, or more than ten minutes ahead of the database's clock; "
            "no age, average or last hour counts them"
        ),
        "null": "NULL in a column that needs a value; without a queue, source or type they are counted under 'other'",
    }
)


@dataclass(frozen=True, slots=True)
class OddRows:
    """How many rows of a table have a value that no metric can use, by kind. A row of two kinds counts in both."""

    infinite: int = 0
    out_of_range: int = 0
    nulls: int = 0

    def __add__(self, other: "OddRows") -> "OddRows":
        return OddRows(self.infinite + other.infinite, self.out_of_range + other.out_of_range, self.nulls + other.nulls)

    def readings(self, table: str) -> Iterator[Reading]:
        """One for each kind that occurs."""
        for kind, rows in zip(catalogue.ODD_KINDS, (self.infinite, self.out_of_range, self.nulls), strict=True):
            if rows:
                yield Reading(catalogue.ODD_ROWS, rows, (table, kind))


def messages(readings: Iterable[Reading]) -> Iterator[tuple[str, str]]:
    """Messages for the status page, one for each reading of `outbox_odd_rows`: the table, and a sentence."""
    for reading in readings:
        if reading.metric is catalogue.ODD_ROWS:
            table, kind = reading.labels
            rows = f"{reading.value:,.0f} row{'s' if reading.value > 1 else ''}"
            yield table, f"{rows} with {_TEXTS.get(kind, kind)}"
