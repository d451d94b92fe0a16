"""A healthy outbox causes no alert in the sidecar's own evaluation, including restarts of the exporter."""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import RuleGroup
from alerts.evaluation.state_file import SavedState
from alerts.model import Change, RuleKey, Severity, State
from alerts.policy.load import load_policy
from alerts.promql.storage import Sample
from tests.alerts.simulation import scrapes

# A month as the exporter samples it takes some minutes:
# OUTBOX_EXPORTER_TEST_SILENCE=30/15 pytest -o timeout=0 tests/alerts/test_silence_sidecar.py
DAYS, INTERVAL = map(int, os.environ.get("OUTBOX_EXPORTER_TEST_SILENCE", "7/60").split("/"))
WATCHDOG: Final = RuleKey("OutboxWatchdog", Severity.NONE)
# A series of each collector, by which one sees that it is fresh.
SHOWS: Final = {
    "outbox_pending_jobs": "backlog",
    "outbox_processed_jobs_total": "throughput",
    "outbox_last_hour_processed_jobs": "last_hour",
    "outbox_maintenance_active": "maintenance",
    "outbox_migration_checks": "migration",
    "outbox_vacuum_horizon_pinned": "tables",
    "outbox_app_up": "application",
}


def fresh(samples: list[Sample]) -> frozenset[str] | None:
    """The fresh metrics; None before every collector has run."""
    shown = {SHOWS[metric] for metric, _, _ in samples if metric in SHOWS}
    return frozenset({*shown, "events", "idempotency"}) if len(shown) == len(SHOWS) else None


def test_no_alert_for_a_healthy_outbox() -> None:
    """Idle nights, busy noons, bursts, deploys, clean-ups, a Sunday: no page and no ticket, pending ones at most."""
    policy = load_policy(interval=INTERVAL)
    rule_group, kept, at = RuleGroup(policy), None, 0.0
    transitions: Counter[tuple[RuleKey, Change]] = Counter()
    for scrape in scrapes(DAYS, interval=INTERVAL):
        if not scrape.samples:  # the exporter is down, with its rule manager
            kept = kept or rule_group.state(at)
            continue
        if kept is not None:
            rule_group, kept = restarted(rule_group, kept, scrape.at), None
        elapsed = INTERVAL if at else 0.0
        at = scrape.at
        evaluation = rule_group.evaluate(ClockReading(at, elapsed), scrape.samples, fresh(scrape.samples))
        assert not rule_group.failures
        transitions.update((transition.alert.key, transition.change) for transition in evaluation.transitions)
        assert not [alert for alert in evaluation.alerts if alert.state is State.FIRING and alert.key != WATCHDOG]
    assert transitions.pop((WATCHDOG, Change.FIRING)) == 1
    assert {change for _, change in transitions} <= {Change.PENDING, Change.DROPPED}


def restarted(before: RuleGroup, kept: SavedState, now: float) -> RuleGroup:
    """A new rule group with the saved state of the old one."""
    after = RuleGroup(load_policy(interval=INTERVAL))
    assert after.rules == before.rules
    after.restore(kept, now)
    return after
