"""What to measure, and on how large a database."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import exporter

# What people run in their database to be watched by us.
SETUP: Final = Path(exporter.__file__).parent / "sql" / "setup"
_COUNT: Final = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[kM]?)")
_UNITS: Final = {"": 1, "k": 1_000, "M": 1_000_000}


class Variant(Enum):
    """The schema that is watched.

    DOCUMENTED has an index on fsm_events (created_at), DEPLOYED has not, INDEXED is DEPLOYED plus the optional
    migration that adds indexes for monitoring.
    """

    DOCUMENTED = "documented"
    DEPLOYED = "deployed"
    INDEXED = "indexed"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is in the database, in rows.

    Attributes:
        jobs: processed ones, spread over 30 days.
        events: likewise.
        keys: idempotency keys, the newest written now, at `rate`.
        courses: which jobs, events and keys belong to.
        pending: unprocessed jobs, a constant.
        rate: jobs, events and keys per hour, in the latest hours and while measuring.
        worn: jobs that became processed since the tables were last vacuumed.
    """

    jobs: int
    events: int
    keys: int
    courses: int
    pending: int
    rate: int
    worn: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how hard to measure one exporter.

    Attributes:
        minutes: of watching, scraped every 15 s, for our exporter.
        others_minutes: the same for the others, whose cost per sample does not change with time.
        beside_minutes: of all of them side by side, in the first variant; 0 leaves that out.
        backlog_minutes: of watching a huge backlog.
        requests: scrapes to measure latency with, for each number of clients.
        seconds: after which a latency measurement ends early.
    """

    minutes: float
    others_minutes: float
    beside_minutes: float
    backlog_minutes: float
    requests: int
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One invocation.

    Attributes:
        size: of the database.
        pace: of measuring.
        variants: of the schema, one after the other; under stress the first of them.
        grown: those of them in which growth is measured.
        exporters: names of those to run; empty for all that are installed.
        keep: directory that keeps database and environments for the next invocation; None for a temporary one.
        indexes: the optional migration, of Variant.INDEXED.
        sleep: seconds that the slow query of the mode `slow` takes.
        backlog: pending jobs in the mode `backlog`.
        few: jobs and events in the small database of the mode `growth`.
    """

    size: Size
    pace: Pace
    variants: tuple[Variant, ...]
    grown: tuple[Variant, ...]
    exporters: tuple[str, ...]
    keep: Path | None
    indexes: Path
    sleep: float
    backlog: int
    few: int


def count(text: str) -> int:
    """A number of rows as people write it: 1200, 660k, 10M. Raises: ValueError."""
    match = _COUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a count such as 1200, 660k or 10M")
    return round(float(match["number"]) * _UNITS[match["unit"]])
