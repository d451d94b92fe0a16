"""Is the migration still intact? The checks of `verify`, every few minutes, as metrics."""

from collections.abc import Iterator

from exporter.database import DatabaseClient
from exporter.metrics import catalogue as names
from exporter.metrics.readings import CollectorOutcome, Reading
from exporter.migration.definitions import checksums
from exporter.migration.report import CheckAnswer, CheckReport
from exporter.migration.verify import catalogue
from exporter.migration.verify.access_checks import CronTimeZone
from exporter.migration.verify.run import check_applied


class MigrationCollector:
    """Reads the catalogue, in one transaction that reads no row of the application's tables.

    Shape: one series per check that could be made, all three counts always, pg_cron's clock where it is known.
    Raises: SampleError, Locked while a table is locked exclusively. Source: sql/migration/.
    """

    name = "migration"

    def __init__(self, database: DatabaseClient) -> None:
        self._database = database

    def collect(self) -> CollectorOutcome:
        """One run of every check."""
        with self._database.sample() as session:
            facts = catalogue.read(session)
        found = (*readings(check_applied(facts)), *clock(facts.cron.zone))
        return CollectorOutcome(
            found,
            network_time=self._database.network_time,
            server=self._database.server,
            definitions=checksums(facts),
        )


def readings(report: CheckReport) -> Iterator[Reading]:
    """A report as readings: an unknown check has none."""
    for finding in report.findings:
        if finding.answer is not CheckAnswer.UNKNOWN:
            yield Reading(names.MIGRATION_CHECK_OK, finding.answer is CheckAnswer.OK, (finding.check,))
    for answer in CheckAnswer:
        yield Reading(names.MIGRATION_CHECKS, report.count(answer), (answer.value,))


def clock(zone: CronTimeZone) -> Iterator[Reading]:
    """The offset of pg_cron's clock to UTC; none where its time zone cannot be seen."""
    if zone.ahead is not None:
        yield Reading(names.CRON_TIMEZONE_OFFSET, zone.ahead)
