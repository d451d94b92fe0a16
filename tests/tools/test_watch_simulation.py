"""The judging of simulated days, a small share of them: none of the healthy ones fails, and faults are found."""

from __future__ import annotations

import json

from alerts.watch.model.watch import Verdict
from tools import watch_simulation
from tools.simulated_days import FAULTS, USUAL, Day, healthy_days
from tools.watch_simulation import Outcome, evaluate, table, watch_of

HOUR = 3600.0


def test_no_healthy_day_fails():
    """Two of each kind with each shape."""
    watch = watch_of(60.0)
    found = [evaluate(each, watch) for each in healthy_days(40, 2, 60.0)]
    assert [each for each in found if each.verdict == Verdict.FAIL] == []
    usual = [each for each in found if each.kind == "usual"]
    assert {each.verdict for each in usual} == {Verdict.PASS}


def test_ticks_of_a_minute_find_the_same_as_of_15_seconds():
    """A fault of the same size at the same time: as soon, but for the time of a few ticks."""
    for kind in ("all fail for 20 min", "20 % are slow for 2 h"):
        days = [Day(0, 1, interval, "steady", kind, USUAL, FAULTS[kind], 2 * HOUR) for interval in (15.0, 60.0)]
        often, seldom = (evaluate(each, watch_of(each.interval)).seconds for each in days)
        assert often is not None
        assert seldom is not None
        assert abs(often - seldom) <= 600


def test_faults_are_never_passed():
    """Each fault with little traffic: FAIL, or INCONCLUSIVE."""
    watch = watch_of(60.0)
    for kind, fault in FAULTS.items():
        found = evaluate(Day(0, 1, 60.0, "low", kind, USUAL, fault, 2 * HOUR), watch)
        assert found.verdict != Verdict.PASS, kind
        assert (found.seconds is None) == (found.verdict != Verdict.FAIL)


def test_the_output(capsys):
    """A table, or one JSON object for each day."""
    assert watch_simulation.main(["--days", "5", "--interval", "60"]) == 0
    table = capsys.readouterr().out
    assert "| all | 5 | 0.00% |" in table
    assert watch_simulation.main(["--days", "2", "--interval", "60", "--raw"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["usual", "half of the limits"]


def test_faults_in_the_output():
    """With the share found, the median of the hours, and the share that passed."""
    found = [Outcome("8 % fail", "low", "FAIL", ("initialisations",), hours * HOUR) for hours in (1, 2, 4)]
    lines = list(table([*found, Outcome("8 % fail", "low", "PASS")], "title"))
    assert lines[-1] == "| 8 % fail | low | 4 | 75% | 2.0 | 25% |"


def test_the_same_days_with_another_revision():
    """In a process of its own, with the evaluation of that revision and the days of this one."""
    usual, half = watch_simulation.against("HEAD", ["--days", "2", "--interval", "60"])
    assert (usual.verdict, usual.kind, half.kind) == ("PASS", "usual", "half of the limits")
