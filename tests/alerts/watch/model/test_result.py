"""Results of checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.check import BaselineLimit, CheckKind
from alerts.watch.model.result import CheckResult, Coverage, Judgement, Standing
from alerts.watch.model.tick import TimeSpan
from alerts.watch.model.watch import Verdict
from tests.alerts.watch import fixtures

RESULT = CheckResult(fixtures.watch().checks[2], None, "", 0, 0, 0, Coverage(1, 1, 1, 0, 0))


@pytest.mark.parametrize(
    ("breached", "breaches", "expected"),
    [(0, (), False), (60, (), True), (0, (TimeSpan(0, 0, 0, 0),), True)],
)
def test_a_breach_of_a_single_tick_counts(breached, breaches, expected):
    """Although it lasts no time."""
    assert replace(RESULT, breached=breached, breaches=breaches).was_breached is expected


def test_a_check_is_undecided_until_its_evidence_is_there():
    """Not when it does not apply, nor when it waits for a clean-up."""
    assert RESULT.is_undecided
    assert not replace(RESULT, verdict=Verdict.PASS).is_undecided
    assert not replace(RESULT, check=replace(RESULT.check, not_applicable="no application")).is_undecided
    assert not replace(RESULT, check=replace(RESULT.check, kind=CheckKind.CLEANUP)).is_undecided


def test_a_judgement_is_made_when_somebody_asks():
    """Once, and not for the coverage."""
    made: list[Judgement] = []

    def judge() -> Judgement:
        made.append(Judgement(1, 60.0, 60.0, 3600.0, False, None, "", (), (), 0.75, 4))
        return made[-1]

    standing = Standing(0.75, judge)
    assert standing.coverage == 0.75
    assert not made
    assert standing.judgement is standing.judgement is made[0]
    assert len(made) == 1
    assert Standing.of(made[0]).judgement is made[0]
    assert Standing.of(made[0]).coverage == 0.75


def test_a_check_without_a_verdict_says_why_in_words():
    """So the report and the status page have no empty verdict."""
    baseline = replace(RESULT.check, kind=CheckKind.BASELINE, baseline_limit=BaselineLimit(tolerance=0.5, floor=0.0))
    assert RESULT.word == "undecided"
    assert replace(RESULT, verdict=Verdict.PASS).word == "PASS"
    assert replace(RESULT, check=replace(RESULT.check, not_applicable="no application")).word == "not checked"
    assert replace(RESULT, check=baseline).word == "no baseline"
