"""The messages of a watch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from alerts.watch.analysis import messages
from alerts.watch.analysis.cleanup import CleanupOutcome
from alerts.watch.analysis.coverage import MeterTotals
from alerts.watch.model.check import Budget, Check, CheckKind, CleanupSchedule, Evidence
from alerts.watch.model.result import CheckResult, Coverage, Gap
from alerts.watch.model.tick import Cause, TimeSpan
from alerts.watch.model.watch import Verdict
from tests.alerts.watch import fixtures

CHECK = Check(
    "backlog", "The backlog is low", CheckKind.LEVEL, "The backlog", "was low", "was high", "x", Budget(900, 300)
)
FULL = Coverage(10, 10, 1.0, 0.0, 0.0)
NONE = MeterTotals(7200, 0, 0, 0, 0, 0, 0, FULL)
JOBS = Evidence("outbox_processed_jobs_total", 20, "processed jobs")


def outcome(verdict: Verdict | None, title: str = "The backlog is low", breached: float = 0.0) -> CheckResult:
    return CheckResult(replace(CHECK, title=title), verdict, "", breached, breached, 0, FULL)


def gap(start: float, seconds: float, cause: Cause, *collectors: str) -> Gap:
    at = fixtures.START + start
    return Gap(TimeSpan(at, at + seconds, start, seconds), cause, collectors)


def test_a_check_that_passed():
    """Without a breach, after one within the budget, and with time that does not count."""
    assert messages.passed(CHECK, NONE, was_breached=False) == "The backlog was low."
    totals = replace(NONE, bad=200, longest_bad=120, unknown=60, excused=3600)
    assert messages.passed(CHECK, totals, was_breached=True) == (
        "The backlog was high for 3 min 20 s (longest 2 min), within its budget (15 min, 5 min at a time); "
        "unknown for 1 min; 1 h of declared maintenance are excused."
    )
    assert messages.passed(CHECK, NONE, was_breached=True) == (
        "The backlog was high at a single tick, within its budget (15 min, 5 min at a time)."
    )


def test_a_check_that_failed():
    """Where both durations are written alike, the excess is added."""
    totals = replace(NONE, bad=600, longest_bad=600)
    assert messages.failed(CHECK, totals) == "The backlog was high for 10 min; allowed: 15 min, 5 min at a time."
    totals = replace(NONE, bad=300.4, longest_bad=300.4)
    assert messages.failed(replace(CHECK, budget=Budget(300, 300)), totals) == (
        "The backlog was high for 5 min; allowed: 5 min, exceeded by 400 ms."
    )
    assert messages.failed(CHECK, totals) == (
        "The backlog was high for 5 min; allowed: 15 min, 5 min at a time, exceeded by 400 ms."
    )


def test_a_check_that_is_unknown():
    """With the causes, the longest first. The subject may be one thing or many."""
    totals = replace(NONE, bad=60, unknown=1200, possible=1260)
    gaps = [gap(0, 200, Cause.LOCK), gap(300, 900, Cause.UNREACHABLE), gap(1300, 100, Cause.LOCK)]
    assert messages.unknown(CHECK, totals, gaps) == (
        "The backlog could not be evaluated for 20 min and was high for 1 min (database unreachable, table locked), "
        "so the budget (15 min, 5 min at a time) may have been exceeded."
    )
    pages = replace(CHECK, subject="Alerts of severity page", budget=Budget(300, 300))
    assert messages.unknown(pages, replace(NONE, unknown=1200), ()) == (
        "Alerts of severity page could not be evaluated for 20 min, so the budget (5 min) may have been exceeded."
    )
    assert messages.too_little_known(CHECK, replace(NONE, unknown=3600), fixtures.watch(7200)) == (
        "The backlog could be evaluated for 1 h of 2 h only; at least half is needed."
    )


def test_evidence():
    """There, not there, not there yet."""
    assert messages.traffic(CHECK, JOBS, 1234) == "The backlog was low: 1,234 processed jobs."
    assert messages.lacking(JOBS, 0, final=True) == "There were no processed jobs; at least 20 are needed."
    assert messages.lacking(JOBS, 3, final=True) == "There were only 3 processed jobs; at least 20 are needed."
    assert messages.lacking(JOBS, 3, final=False) == "So far there were 3 processed jobs; at least 20 are needed."


def test_clean_ups():
    """Overdue comes first, then unknown."""
    check = replace(CHECK, subject="The clean-up", good="ran", bad="did not run")
    check = replace(check, schedule=CleanupSchedule(3, None, "a", "b", 0, 7200))
    done, overdue, unknown = CleanupOutcome.DONE, CleanupOutcome.OVERDUE, CleanupOutcome.UNKNOWN
    first, second = 1763434800.0, 1763521200.0  # at 03:00
    assert messages.cleanup(check, {first: done, second: done}) == (
        Verdict.PASS,
        "The clean-up ran on 2025-11-18 at 03:00 UTC, 2025-11-19 at 03:00 UTC.",
    )
    assert messages.cleanup(check, {first: unknown, second: overdue}) == (
        Verdict.FAIL,
        "The clean-up did not run on 2025-11-19 at 03:00 UTC, nor within 2 h.",
    )
    assert messages.cleanup(check, {first: done, second: unknown}) == (
        Verdict.INCONCLUSIVE,
        "It is unknown whether the clean-up ran on 2025-11-19 at 03:00 UTC.",
    )
    assert messages.cleanup(check, {}) == (None, "The clean-up was not due.")
    assert messages.cleanup(check, None)[0] is None


def test_the_summary():
    """Of each verdict."""
    watch = fixtures.watch(7200)
    passing, failing = outcome(Verdict.PASS), outcome(Verdict.FAIL, "Jobs are processed")
    unknown = outcome(Verdict.INCONCLUSIVE, "Few jobs fail")
    assert messages.summary(watch, Verdict.PASS, [passing, outcome(None)], 0.9996, 7200) == (
        "All 1 checks passed for 2 h; coverage 99.9 %."
    )
    assert messages.summary(watch, Verdict.FAIL, [passing, failing, unknown], 1, 3600) == (
        '1 of 3 checks failed: "Jobs are processed".'
    )
    assert messages.summary(watch, Verdict.INCONCLUSIVE, [passing, unknown], 1, 7200) == (
        '1 of 2 checks are inconclusive: "Few jobs fail".'
    )
    assert messages.summary(watch, Verdict.INCONCLUSIVE, [], 1, 7200) == "No check could be decided."
    stopped = replace(watch, stopped="rolled back")
    assert messages.summary(stopped, Verdict.INCONCLUSIVE, [unknown], 1, 3600) == (
        "The watch was stopped after 1 h of 2 h (rolled back)."
    )
    assert messages.standing([passing, failing, unknown]) == "1 of 3 checks pass, 1 failed, 1 inconclusive"
    results = [passing, outcome(Verdict.PASS, breached=60), outcome(None)]
    assert messages.summary(watch, None, results, 1, 3600) == (
        "No check has failed so far: 2 of 2 checks pass, 1 of them after a breach within their budget, "
        "1 without enough evidence yet."
    )


def test_checks_that_the_configuration_changed():
    """Only those that decide are counted. The headline of a PASS counts the ones that were left out."""
    own = replace(outcome(Verdict.FAIL, "Mine"), check=replace(CHECK, title="Mine", own=True, advisory=True))
    gone = replace(outcome(None, "Old rows"), check=replace(CHECK, title="Old rows", left_out=True, not_applicable="x"))
    results = (outcome(Verdict.PASS), own, gone)
    watch = replace(fixtures.watch(), checks=tuple(each.check for each in results))
    assert messages.summary(watch, Verdict.PASS, results, 1.0, 86_400) == (
        "All 1 checks passed for 1 d; coverage 100 %. Left out: old rows. Advisory: mine."
    )
    assert messages.standing(results) == "1 of 1 checks pass, 1 advisory, 1 left out"
    assert messages.summary(watch, Verdict.INCONCLUSIVE, (own, gone), 1.0, 86_400) == (
        "No check could be decided. Left out: old rows. Advisory: mine."
    )
    assert messages.of_check(own) == f"Advisory: {own.reason}"
    assert messages.marked(own.check) == "Mine (own, advisory)"
    assert messages.headline(Verdict.PASS, watch.checks) == "PASS without 1 check"
    assert messages.headline(Verdict.PASS, (*watch.checks, gone.check)) == "PASS without 2 checks"
    assert messages.headline(Verdict.FAIL, watch.checks) == "FAIL"
    assert messages.headline(None, watch.checks) == "UNDECIDED"


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(0, 0), "never"),
        (Budget(math.inf, math.inf), "any time"),
        (Budget(300, 300), "5 min"),
        (Budget(300, 600), "10 min"),
        (Budget(864, 300), "14 min 24 s, 5 min at a time"),
    ],
)
def test_budgets(budget, text):
    """In all, and without interruption where that is less."""
    assert messages.allowed(budget) == text


def test_a_gap_has_its_times_and_collectors():
    """In UTC."""
    assert messages.gap(gap(0, 90, Cause.LOCK, "backlog", "events")) == (
        "10:00:00 to 10:01:30 UTC, 1 min 30 s: table locked (backlog, events)"
    )
