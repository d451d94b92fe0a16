"""What to measure, and the size of the database."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import exporter

# The setup scripts for a database that is monitored.
SETUP: Final = Path(exporter.__file__).parent / "sql" / "setup"
_COUNT: Final = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[kM]?)")
_UNITS: Final = {"": 1, "k": 1_000, "M": 1_000_000}


class Variant(Enum):
    """The schema of the database.

    DOCUMENTED has an index on fsm_events (created_at), DEPLOYED has not, INDEXED is DEPLOYED plus the optional
    migration that adds indexes for monitoring.
    """

    DOCUMENTED = "documented"
    DEPLOYED = "deployed"
    INDEXED = "indexed"


@dataclass(frozen=True, slots=True)
class Size:
    """The rows of the database.

    Attributes:
        jobs: processed jobs of 30 days.
        events: events of 30 days.
        keys: idempotency keys, up to now, at `rate`.
        courses: the courses of jobs, events and keys.
        pending: unprocessed jobs, constant.
        rate: jobs, events and keys per hour, in the latest hours and during the measurement.
        worn: jobs processed since the last vacuum.
    """

    jobs: int
    events: int
    keys: int
    courses: int
    pending: int
    rate: int
    worn: int = 0


@dataclass(frozen=True, slots=True)
class Durations:
    """The duration and the load of the measurements.

    Attributes:
        minutes: of the comparison in each variant, after a minute in which every exporter does everything once.
        backlog_minutes: with a large backlog.
        requests: scrapes per latency measurement, for each number of clients; 0: none.
        rounds: of latency measurements and of commands, which alternate between the exporters.
        seconds: the limit of a latency measurement.
    """

    minutes: float
    backlog_minutes: float
    requests: int
    rounds: int = 5
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """One invocation.

    Attributes:
        size: of the database.
        durations: of the measurements.
        variants: of the schema; the first one is used for stress.
        exporters: names of the others to run; empty for all installed ones.
        against: the revision of ours to compare with.
        keep: directory of the database and environments for the next invocation; None for a temporary one.
        indexes: the optional migration of Variant.INDEXED.
        sleep: seconds that the query of the mode `slow` sleeps.
        backlog: pending jobs of the mode `backlog`.
        few: jobs and events in the small database, which shows the growth with the rows.
    """

    size: Size
    durations: Durations
    variants: tuple[Variant, ...]
    exporters: tuple[str, ...]
    against: str | None
    keep: Path | None
    indexes: Path
    sleep: float
    backlog: int
    few: int


def count(text: str) -> int:
    """A number of rows such as 1200, 660k or 10M. Raises: ValueError."""
    match = _COUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a count such as 1200, 660k or 10M")
    return round(float(match["number"]) * _UNITS[match["unit"]])
