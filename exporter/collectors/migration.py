"""Is the migration still intact? The checks of `verify`, every few minutes, as metrics."""

from collections.abc import Iterator

from exporter import names
from exporter.database import Database
from exporter.migration import catalogue
from exporter.migration.bookkeeping import Zone
from exporter.migration.findings import Answer, Report
from exporter.migration.verify import applied
from exporter.model import Outcome, Reading


class MigrationCollector:
    """Asks the catalogue, in one transaction that reads no row of the application's tables.

    Shape: one series per check that could be made, all three counts always, pg_cron's clock where it is known.
    Raises: SampleError, Locked while a table is locked exclusively. Source: sql/migration/.
    """

    name = "migration"

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Outcome:
        """One look at every check."""
        with self._database.sample() as session:
            facts = catalogue.read(session)
        found = (*readings(applied(facts)), *clock(facts.cron.zone))
        return Outcome(found, waited=self._database.waited, server=self._database.server)


def readings(report: Report) -> Iterator[Reading]:
    """What Prometheus hears of a report: unknown is no value."""
    for finding in report.findings:
        if finding.answer is not Answer.UNKNOWN:
            yield Reading(names.MIGRATION_CHECK_OK, finding.answer is Answer.OK, (finding.check,))
    for answer in Answer:
        yield Reading(names.MIGRATION_CHECKS, report.count(answer), (answer.value,))


def clock(zone: Zone) -> Iterator[Reading]:
    """When pg_cron's schedules are meant: a zone that cannot be seen has no value."""
    if zone.ahead is not None:
        yield Reading(names.CRON_TIMEZONE_OFFSET, zone.ahead)
