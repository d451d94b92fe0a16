"""Is maintenance declared, does it overrun, and does the processor run again although it lasts?"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter import names
from exporter.database import Database
from exporter.errors import SampleError
from exporter.logs import event
from exporter.migration.maintenance import Ledger, Maintenance, Phase
from exporter.model import Failure, Outcome, Reading
from exporter.odd import NEW_AHEAD
from exporter.visibility import Table

logger = logging.getLogger(__name__)

# One batch of the processor may take 150 s (deployed application): so long after the declaration a completion is
# still one that was under way. `processed_at` is by the application's clock.
IN_FLIGHT = 150.0

_READS = (Table("job_outbox", ("processed_at",)),)


@dataclass(frozen=True, slots=True)
class Completion:
    """The row of sql/migration/completed_since.sql."""

    last: float | None


class MaintenanceCollector:
    """Reads the ledger; the database is asked only while a declaration is open, and by one index entry.

    Shape: whether maintenance is active is always there when the ledger can be read, whatever the database says.
    What is noticed is logged once per declaration. Runs in one thread. Raises: Unusable.
    """

    name = "maintenance"

    def __init__(self, database: Database, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._open: Maintenance | None = None
        self._told: set[tuple[float, str]] = set()

    def collect(self) -> Outcome:
        """One look."""
        now, current = self._clock(), self._ledger.current()
        self._tell_changes(current)
        if current is None:
            return Outcome((Reading(names.MAINTENANCE_ACTIVE, 0),))
        if current.phase(now) is Phase.OVERRUN:
            self._tell(current, "maintenance overruns", until=current.until, reason=current.reason)
        return Outcome(tuple(readings(current, now)), tuple(self._look(current)))

    def _look(self, current: Maintenance) -> Iterator[Failure]:
        try:
            with self._database.sample(*_READS) as session:
                since = current.started_at + IN_FLIGHT
                latest = session.now + NEW_AHEAD
                last = session.fetch_one("migration/completed_since", Completion, since=since, latest=latest).last
        except SampleError as error:
            yield Failure(error.reason, str(error))
            return
        if last is not None:
            self._tell(current, "processor runs during maintenance", last_completion=last, reason=current.reason)

    def _tell_changes(self, current: Maintenance | None) -> None:
        before, self._open = self._open, current
        if current is not None and (before is None or before.started_at != current.started_at):
            event(logger, logging.INFO, "maintenance declared", until=current.until, reason=current.reason)
        elif current is None and before is not None:
            event(logger, logging.INFO, "maintenance ended", reason=before.reason)

    def _tell(self, current: Maintenance, text: str, **fields: object) -> None:
        # An extended declaration may overrun again.
        key = (current.started_at + current.until, text)
        if key not in self._told:
            self._told.add(key)
            logger.warning(text, extra={"fields": fields})


def readings(current: Maintenance, now: float) -> Iterator[Reading]:
    """An open declaration as metrics: overrun, it is active no longer, and its declared end lies in the past."""
    yield Reading(names.MAINTENANCE_ACTIVE, current.phase(now) is Phase.ACTIVE)
    yield Reading(names.MAINTENANCE_DECLARED_END, current.until)
