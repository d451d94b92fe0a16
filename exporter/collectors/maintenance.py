"""Declared maintenance: whether it overruns, and whether the processor runs during it."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.core.errors import SampleError
from exporter.core.logs import event
from exporter.database import DatabaseClient, relations
from exporter.metrics import catalogue
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD_NEW
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Reading
from exporter.migration.maintenance import MaintenanceFile, MaintenancePhase, MaintenanceWindow

logger = logging.getLogger(__name__)

# One batch of the processor may take 150 s (deployed application): a completion so long after the declaration may
# belong to a batch that was under way. `processed_at` is by the application's clock.
MAX_BATCH_DURATION = 150.0


@dataclass(frozen=True, slots=True)
class Completion:
    """The row of sql/migration/completed_since.sql."""

    last: float | None


class MaintenanceCollector:
    """Reads the maintenance file; the database is asked only while a declaration is open, for one index entry.

    Shape: whether maintenance is active is always there when the file can be read, whatever the database answers.
    Events are logged once per declaration. Runs in one thread. Raises: MaintenanceFileError.
    """

    name = "maintenance"

    def __init__(
        self, database: DatabaseClient, maintenance_file: MaintenanceFile, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._maintenance_file = maintenance_file
        self._clock = clock
        self._open: MaintenanceWindow | None = None
        self._logged: set[tuple[float, str]] = set()

    def collect(self) -> CollectorOutcome:
        """One sample."""
        now, current = self._clock(), self._maintenance_file.current()
        self._log_changes(current)
        if current is None:
            return CollectorOutcome((Reading(catalogue.MAINTENANCE_ACTIVE, 0),))
        if current.phase(now) is MaintenancePhase.OVERRUN:
            self._log_once(current, "maintenance overruns", until=current.until, reason=current.reason)
        return CollectorOutcome(tuple(readings(current, now)), tuple(self._read_completion(current)))

    def _read_completion(self, current: MaintenanceWindow) -> Iterator[CollectorFailure]:
        try:
            with self._database.sample(*relations.reads(self._database.mapping, "processed_jobs")) as session:
                since = current.started_at + MAX_BATCH_DURATION
                latest = session.now + MAX_CLOCK_LEAD_NEW
                last = session.fetch_one("migration/completed_since", Completion, since=since, latest=latest).last
        except SampleError as error:
            yield CollectorFailure(error.reason, str(error))
            return
        if last is not None:
            self._log_once(current, "processor runs during maintenance", last_completion=last, reason=current.reason)

    def _log_changes(self, current: MaintenanceWindow | None) -> None:
        before, self._open = self._open, current
        if current is not None and (before is None or before.started_at != current.started_at):
            event(logger, logging.INFO, "maintenance declared", until=current.until, reason=current.reason)
        elif current is None and before is not None:
            event(logger, logging.INFO, "maintenance ended", reason=before.reason)

    def _log_once(self, current: MaintenanceWindow, text: str, **fields: object) -> None:
        # An extended declaration may overrun again.
        key = (current.started_at + current.until, text)
        if key not in self._logged:
            self._logged.add(key)
            logger.warning(text, extra={"fields": fields})


def readings(current: MaintenanceWindow, now: float) -> Iterator[Reading]:
    """An open declaration as readings at `now`, Unix seconds.

    When it overruns it is no longer active, and its end lies in the past.
    """
    yield Reading(catalogue.MAINTENANCE_ACTIVE, current.phase(now) is MaintenancePhase.ACTIVE)
    yield Reading(catalogue.MAINTENANCE_DECLARED_END, current.until)
