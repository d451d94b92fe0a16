"""Is the migration still intact? The checks of `verify`, every few minutes, as metrics."""

from collections.abc import Iterator

from exporter.database import DatabaseClient
from exporter.metrics import catalogue as names
from exporter.metrics.readings import CollectorOutcome, Reading
from exporter.migration import expected
from exporter.migration.report import CheckAnswer, CheckReport
from exporter.migration.verify import catalogue
from exporter.migration.verify.access_checks import Cron, CronTimeZone
from exporter.migration.verify.run import check_applied


class MigrationCollector:
    """Reads the catalogue, in one transaction that reads no row of the application's tables.

    Shape: one series per check that could be made, all three counts always, pg_cron's clock and the last runs of its
    clean-up jobs where they are visible.
    Raises: SampleError, Locked while a table is locked exclusively. Source: sql/migration/.
    """

    name = "migration"

    def __init__(self, database: DatabaseClient) -> None:
        self._database = database

    def collect(self) -> CollectorOutcome:
        """One run of every check."""
        with self._database.sample() as session:
            facts, now = catalogue.read(session), session.now
        found = (*readings(check_applied(facts)), *clock(facts.cron.zone), *last_runs(facts.cron, now))
        return CollectorOutcome(found, network_time=self._database.network_time, server=self._database.server)


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


def last_runs(cron: Cron, now: float) -> Iterator[Reading]:
    """The last finished run of each clean-up job, where it has a visible one; the latest of jobs of one name.

    Units: `now` Unix seconds of the database's clock.
    """
    for name in expected.JOB_NAMES:
        ids = {job.id for job in cron.jobs if job.name == name}
        if last := min((run for run in cron.runs if run.job in ids), key=lambda run: run.age, default=None):
            yield Reading(names.CRON_LAST_RUN, now - last.age, (name,))
            yield Reading(names.CRON_LAST_RUN_SUCCESS, last.status == "succeeded", (name,))
