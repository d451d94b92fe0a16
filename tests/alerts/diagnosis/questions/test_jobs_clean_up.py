"""The clean-up that is asked about. Its states: tests/alerts/diagnosis/test_cron.py."""

from __future__ import annotations

from alerts.diagnosis.questions import jobs_clean_up
from alerts.diagnosis.questions.jobs_clean_up import ask
from tests.alerts.diagnosis.sources_of import sources


def test_the_job(monkeypatch):
    """By the name in the migration."""
    asked: list[str] = []
    monkeypatch.setattr(jobs_clean_up, "clean_up", lambda _, job: asked.append(job))
    ask(sources())
    assert asked == ["cleanup_old_outbox_entries"]
