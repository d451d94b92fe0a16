"""The dimensions of the matrix: what a database may be like that somebody points the exporter at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final


class Encoding(Enum):
    """The encoding of a database. The value: names of queues as they stand in an E'' string there.

    A SQL_ASCII database holds any bytes. Those that are not UTF-8 become the replacement character, and names that
    differ in nothing else become one label.
    """

    UTF8 = ("größe-日本", "Ελλάδα")
    LATIN1 = ("größe-ÿ", "crème")
    SQL_ASCII = (r"gr\xfcn", r"gr\xf6n")


class TimeZone(Enum):
    """TimeZone of the database. St. John's is not whole hours away from UTC, and changes its clocks."""

    UTC = "UTC"
    TOKYO = "Asia/Tokyo"
    ST_JOHNS = "America/St_Johns"


class TimeType(Enum):
    """The type of the columns that hold times."""

    ZONED = "timestamptz"
    PLAIN = "timestamp"


class TableLayout(Enum):
    """How the three tables are stored."""

    PLAIN = "plain"
    PARTITIONED = "partitioned"


@dataclass(frozen=True, slots=True)
class Cell:
    """One database of a cluster."""

    encoding: Encoding
    zone: TimeZone
    times: TimeType
    shape: TableLayout

    @property
    def name(self) -> str:
        """The database's name."""
        return "_".join(part.name.lower() for part in (self.encoding, self.zone, self.times, self.shape))


CELLS: Final = tuple(Cell(*parts) for parts in product(Encoding, TimeZone, TimeType, TableLayout))
