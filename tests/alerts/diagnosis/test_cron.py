"""The state of a clean-up's job, as far as the role sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.diagnosis.cron import Answer, evidence
from exporter.migration.verify.access_checks import Cron, CronJob, CronRun, CronTimeZone, TableAccess

NAME = "cleanup_expired_idempotency_keys"
COMPLETE = TableAccess(exists=True, complete=True)
PARTIAL = TableAccess(exists=True, complete=False)
JOB = CronJob(7, NAME, "0 3 * * *", f"SELECT {NAME}()", "postgres", active=True)
OTHER = replace(JOB, id=8, name="another", active=False)
RUN = CronRun(7, "succeeded", "DELETE 5", 3600.0)
CRON = Cron(CronTimeZone("GMT", 0.0), COMPLETE, COMPLETE, (JOB, OTHER), (RUN,))


@pytest.mark.parametrize(
    ("cron", "answer"),
    [
        (CRON, Answer.RUNS),
        (replace(CRON, jobs=(OTHER,)), Answer.MISSING),
        (replace(CRON, jobs=(replace(JOB, active=False),)), Answer.INACTIVE),
        (replace(CRON, jobs=(replace(JOB, active=False), replace(JOB, id=9))), Answer.LATE),
        (replace(CRON, runs=(RUN, CronRun(7, "failed", "no", 60.0))), Answer.FAILED),
        (replace(CRON, runs=(replace(RUN, age=26 * 3600.0 + 1),)), Answer.LATE),
        (replace(CRON, runs=()), Answer.LATE),
        # What is not visible is not known.
        (replace(CRON, jobs=(), jobs_access=PARTIAL), None),
        (replace(CRON, runs=(), runs_access=PARTIAL), None),
        (replace(CRON, jobs_access=TableAccess(exists=False, complete=True, obstacle="there is no cron.job")), None),
    ],
)
def test_the_answer(cron, answer):
    """The latest run decides; a role that may not see a job is told how to see it."""
    found = evidence(cron, NAME)
    assert found.answer is answer
    assert bool(found.remedy) is (answer is None)


def test_the_message_of_a_run_is_not_shown():
    """It may hold data."""
    failed = replace(CRON, runs=(CronRun(7, "failed", "key 0a1b", 7200.0),))
    assert evidence(failed, NAME).text == f"the last run of job {NAME} failed 2 h ago"
