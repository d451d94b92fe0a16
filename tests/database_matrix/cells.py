"""The dimensions of the matrix of databases: encoding, time zone, type of times, layout of tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final


class Encoding(Enum):
    """The encoding of a database. The value: names of queues, as written in an E'' string there.

    A SQL_ASCII database stores any bytes. Bytes that are not UTF-8 become the replacement character, so that names that
    differ only in them become one label.
    """

    UTF8 = ("größe-日本", "Ελλάδα")
    LATIN1 = ("größe-ÿ", "crème")
    SQL_ASCII = (r"gr\xfcn", r"gr\xf6n")


class TimeZone(Enum):
    """The setting TimeZone of the database. St. John's has an offset of half hours, and daylight-saving time."""

    UTC = "UTC"
    TOKYO = "Asia/Tokyo"
    ST_JOHNS = "America/St_Johns"


class TimeType(Enum):
    """The type of the columns with times."""

    ZONED = "timestamptz"
    PLAIN = "timestamp"


class TableLayout(Enum):
    """How the three tables are stored."""

    PLAIN = "plain"
    PARTITIONED = "partitioned"


@dataclass(frozen=True, slots=True)
class Cell:
    """One database of the matrix."""

    encoding: Encoding
    zone: TimeZone
    times: TimeType
    layout: TableLayout

    @property
    def name(self) -> str:
        """The database's name."""
        return "_".join(part.name.lower() for part in (self.encoding, self.zone, self.times, self.layout))


CELLS: Final = tuple(Cell(*parts) for parts in product(Encoding, TimeZone, TimeType, TableLayout))
