"""The evidence of a notification, gathered by the exporter with its own client."""

from __future__ import annotations

from dataclasses import replace

from alerts.policy.load import load_policy
from exporter.app.evidence import LIMITS, gather, targets
from exporter.config.settings import Config, WatchSettings
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorFailure
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from tests.migration.verification import exporter_client

HIDDEN = CollectorFailure(Reason.RLS, "row-level security hides rows of public.job_outbox from role m: CREATE POLICY")
STATES = (
    CollectorState("backlog", CollectorTarget.DATABASE, 15.0, problems=(HIDDEN,)),
    CollectorState("application", CollectorTarget.APPLICATION, 15.0, problems=(replace(HIDDEN, reason=Reason.HTTP),)),
)


def test_a_lock(embedded_database, tmp_path):
    """Found, though the table cannot be read within the limits."""
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    with exporter_client(embedded_database) as client, embedded_database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE job_outbox")
        pid = holder.info.backend_pid
        found = gather("OutboxStalled", targets(config, load_policy(), client, lambda: STATES))
        holder.rollback()
    assert found.startswith(
        f"Another session locks a table of the outbox: session {pid} of role postgres locks job_outbox"
    )
    assert found.endswith("(runbook OutboxSamplesStale, mitigation 2)")


def test_the_latest_samples_are_evidence(embedded_database, tmp_path):
    """No collector is run for it; without a cause there is no sentence."""
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    with exporter_client(embedded_database) as client:
        known = targets(config, load_policy(), client, lambda: STATES)
        assert known.collectors() == [("backlog", (HIDDEN,))]
        assert gather("OutboxBlind", known).startswith("Row-level security hides rows from the monitoring role: ")
        assert gather("OutboxCleanupOverdue", known) == ""


def test_the_limits():
    """Of the whole and of a statement, seconds; a notification waits for one second."""
    assert (LIMITS.total, LIMITS.statement) == (2.0, 0.5)
