"""The jobs of pg_cron, as far as the role sees them."""

from collections.abc import Sequence
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, reason_of
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.metrics.catalogue import MIGRATION_CHECKS
from exporter.migration import expected
from exporter.migration.verify.access_checks import ASK_JOB_OWNER, Cron, CronJob, read_cron


class Answer(StrEnum):
    """The state of a clean-up's job. LATE: its last run was successful and is too long ago."""

    RUNS = "runs"
    MISSING = "missing"
    INACTIVE = "inactive"
    FAILED = "failed"
    LATE = "late"


def clean_up(sources: Sources, job: str) -> Evidence:
    """The state of a documented job, by its name."""
    if lacking := sources.lacks(MIGRATION_CHECKS):
        return lacking
    try:
        with sources.sample() as session:
            return evidence(read_cron(session), job)
    except SampleError as error:
        return Evidence(None, reason_of(error))


def evidence(cron: Cron, name: str) -> Evidence:
    """The evidence about one job. The message of a failed run is not shown: it may hold data."""
    access = cron.jobs_access
    if not access.readable:
        return Evidence(None, access.obstacle, access.remedy or ASK_JOB_OWNER)
    jobs = [job for job in cron.jobs if job.name == name]
    if active := [job for job in jobs if job.active]:
        return _last_run(cron, active, name)
    if jobs:
        return Evidence(Answer.INACTIVE, f"job {name} of pg_cron is inactive")
    if access.complete:
        return Evidence(Answer.MISSING, f"pg_cron has no job {name}")
    return Evidence(None, f"job {name} is not visible: pg_cron shows a role its own jobs only", ASK_JOB_OWNER)


def _last_run(cron: Cron, jobs: Sequence[CronJob], name: str) -> Evidence:
    ids = {job.id for job in jobs}
    runs = [run for run in cron.runs if run.job in ids]
    if not runs and cron.runs_access.readable and cron.runs_access.complete:
        return Evidence(Answer.LATE, f"job {name} is active and has not run")
    if not runs:
        return Evidence(None, f"job {name} is active; its runs are not visible", ASK_JOB_OWNER)
    last = min(runs, key=lambda run: run.age)
    if last.status == "failed":
        return Evidence(Answer.FAILED, f"the last run of job {name} failed {duration(last.age)} ago")
    overdue = next(job.overdue for job in expected.JOBS if job.name == name)
    answer = Answer.LATE if last.age > overdue else Answer.RUNS
    return Evidence(answer, f"job {name} is active; its last run succeeded {duration(last.age)} ago")
