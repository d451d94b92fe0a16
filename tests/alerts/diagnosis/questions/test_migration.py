"""The most urgent broken check of the migration."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.migration import Answer, classify
from exporter.migration.report import CheckAnswer, CheckFinding


@pytest.mark.parametrize(
    ("checks", "answer"),
    [
        (["idx_job_outbox_unprocessed", "job_outbox.row_security"], Answer.ACCESS),
        (["fsm_events.policy.fsm_events_user_read"], Answer.ACCESS),
        (["idx_fsm_events_type", "initialize_fsm_with_outbox.signature"], Answer.FUNCTION),
        (["idx_fsm_events_type", "job_outbox.columns"], Answer.STRUCTURE),
        (["cron.cleanup_old_outbox_entries.runs", "idx_fsm_events_type"], Answer.INDEX),
        (["cron.cleanup_old_outbox_entries.runs"], Answer.SCHEDULE),
        (["something.new"], Answer.STRUCTURE),
    ],
)
def test_the_most_urgent_kind(checks, answer):
    """Access comes first: users may see or do too much."""
    broken = [CheckFinding(check, CheckAnswer.BROKEN, "so", "other") for check in checks]
    assert classify(broken) is answer
