"""Whatever a history is: the messages agree with the verdict, with the counts, and with each other."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.commands import progress
from alerts.watch.model.check import Check, CheckKind
from alerts.watch.model.result import CheckResult, Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.report import WatchReport, html, markdown
from exporter.core.humanize import duration
from tests.alerts.watch import fixtures
from tests.alerts.watch.analysis.test_verdict_properties import a_history
from tests.alerts.watch.fixtures import HOUR, INTERVAL

SEEDS = range(150)
DURATION = 2 * HOUR
WORDS = {Verdict.PASS: "ok", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "unknown", None: "-"}


def quiet(tick: Tick) -> Tick:
    """Nothing was counted."""
    return replace(tick, values={name: 0 if "_total" in name else value for name, value in tick.values.items()})


def a_judgement(seed: int) -> tuple[Watch, Judgement, list[Tick]]:
    """At the end or on the way; with little traffic or none, without an application, or stopped, now and then."""
    rng = random.Random(seed)
    history = a_history(rng)
    if rng.random() < 0.1:
        history = [fixtures.showing(backlog_jobs=2000)(fixtures.tick(0.0)), *history]
    if rng.random() < 0.15:
        history = [quiet(tick) for tick in history]
    if rng.random() < 0.1:
        history = history[: rng.randint(0, 3)]
    final = rng.random() < 0.6
    elapsed = DURATION if final else rng.choice((0.0, 30.0, 10 * INTERVAL, rng.uniform(0, DURATION)))
    watch = fixtures.watch(DURATION, application=rng.random() < 0.8)
    if final and rng.random() < 0.1:
        watch = replace(watch, stopped="by hand")
    seen = [tick for tick in history if tick.elapsed <= elapsed]
    return watch, evaluate_watch(watch, seen, fixtures.START + elapsed, elapsed, final=final), seen


def counts(results: tuple[CheckResult, ...]) -> dict[Verdict | None, int]:
    return {verdict: sum(each.verdict is verdict for each in results) for verdict in (*Verdict, None)}


def test_the_histories_cover_every_message():
    """Every verdict of the whole is among them, and so is every kind of sentence."""
    found = [a_judgement(seed)[1] for seed in SEEDS]
    assert {each.verdict for each in found} == {*Verdict, None}
    reasons = " ".join(result.reason for each in found for result in each.results)
    for words in ("within its budget", "; allowed: ", "could not be evaluated for", "are needed",
                  "at least half is needed", "; unknown for", "of declared maintenance are", "at a single tick",
                  "Not checked"):  # fmt: skip
        assert words in reasons, words


@pytest.mark.parametrize("seed", SEEDS)
def test_the_summary_has_the_numbers_of_the_checks(seed):
    """So many of so many, the same as in the table; and never more good than there is."""
    watch, judgement, _ = a_judgement(seed)
    found = counts(judgement.results)
    evaluated = sum(found[verdict] for verdict in Verdict)
    text = judgement.summary
    if judgement.verdict is Verdict.PASS:
        assert text.startswith(f"All {evaluated} checks passed for 2 h; ")
        assert found[Verdict.PASS] == evaluated > 0
    elif judgement.verdict is None:
        assert text.startswith(f"No check has failed so far: {found[Verdict.PASS]} of {evaluated} checks pass")
        assert found[Verdict.FAIL] == 0
    elif judgement.verdict is Verdict.FAIL:
        assert text.startswith(f"{found[Verdict.FAIL]} of {evaluated} checks failed: ")
        assert found[Verdict.FAIL] > 0
    elif watch.stopped:
        assert text.endswith("(by hand).")
    else:
        assert text.startswith(f"{found[Verdict.INCONCLUSIVE]} of {evaluated} checks are inconclusive: ")
        assert found[Verdict.INCONCLUSIVE] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_line_has_the_numbers_of_the_checks(seed):
    """Passed checks, those breached for a time among them, failed and open checks: together they are all checks."""
    watch, judgement, _ = a_judgement(seed)
    text = progress.line(watch, judgement)
    found = counts(judgement.results)

    def number(pattern: str) -> int:
        match = re.search(pattern, text)
        return int(match[1]) if match else 0

    held = [each for each in judgement.results if each.verdict is Verdict.PASS]
    assert number(r"(\d+) of \d+ checks pass") == found[Verdict.PASS]
    assert number(r"\d+ of (\d+) checks pass") == sum(found[verdict] for verdict in Verdict)
    assert (
        number(r"(\d+) of them after a breach within their budget")
        == sum(each.was_breached for each in held)
        <= len(held)
    )
    assert number(r"(\d+) failed") == found[Verdict.FAIL]
    assert number(r"(\d+) inconclusive") == found[Verdict.INCONCLUSIVE]
    assert number(r"(\d+) without enough evidence yet") == sum(each.is_undecided for each in judgement.results)
    assert ("coverage 100 %," in text) == (judgement.ratio >= 1)


# Parts of a message that occur only with these verdicts.
ONLY_WITH: dict[str, set[Verdict | None]] = {
    "; allowed: ": {Verdict.FAIL},
    "within its budget": {Verdict.PASS},
    "could not be evaluated for": {Verdict.INCONCLUSIVE},
    "at least half is needed": {Verdict.INCONCLUSIVE},
    "There were": {Verdict.INCONCLUSIVE},
    "So far there were": {None},
    "Not checked": {None},
    "was not due": {None},
}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_reason_agrees_with_its_verdict(seed):
    """In text and in numbers: an exceeded budget is smaller than the measured time, also as printed."""
    _, judgement, _ = a_judgement(seed)
    for each in judgement.results:
        for words, verdicts in ONLY_WITH.items():
            assert words not in each.reason or each.verdict in verdicts, (each.verdict, each.reason)
        if each.verdict is Verdict.PASS and each.check.kind in (CheckKind.LEVEL, CheckKind.PAGES):
            expected = each.check.bad if each.was_breached else each.check.good
            assert each.reason.startswith(f"{each.check.subject} {expected}"), each.reason
        if match := re.search(r".* for ([^(;,]+?)(?: \(longest ([^)]+)\))?; allowed: ([^,;.]+)", each.reason):
            budget = each.check.budget
            assert match[1] == duration(each.breached)
            assert match[2] == (None if match[1] == duration(each.longest) else duration(each.longest))
            durations = {duration(each.breached), duration(each.longest)} <= {
                duration(budget.total),
                duration(budget.stretch),
            }
            assert not durations or "exceeded by" in each.reason, each.reason


@pytest.mark.parametrize("seed", SEEDS[::5])
def test_reports_and_tables_agree(seed):
    """Each check with its status and its message, in the terminal's table, in Markdown and in HTML."""
    watch, judgement, ticks = a_judgement(seed)
    lines = progress.table(watch, judgement).splitlines()
    report = WatchReport(watch, judgement, ticks, fixtures.START + DURATION, "0.1.0")
    rows = [line.split(" | ") for line in markdown(report).replace("\\", "").splitlines() if line.startswith("| ")]
    for each in judgement.results:
        assert f"{WORDS[each.verdict]:<8} {each.reason}" in lines
        row = next(row for row in rows if row[0] == f"| {each.check.title}")
        assert row[1:3] == [each.verdict.value if each.verdict else _without_verdict(each.check), each.reason]
    page = html(report)
    assert page.count('<span class="state good">PASS</span>') >= counts(judgement.results)[Verdict.PASS]
    assert ("100\u00a0%, " in page) == (judgement.ratio >= 1)


def _without_verdict(check: Check) -> str:
    """Why a check has no verdict; a baseline check of these watches has no baseline."""
    if check.not_applicable:
        return "not checked"
    return "no baseline" if check.kind is CheckKind.BASELINE else "undecided"


def test_without_an_application_its_values_are_not_required():
    """Checks that are not evaluated are not counted."""
    judgement = evaluate_watch(fixtures.watch(DURATION, application=False), [], fixtures.START, 0.0, final=False)
    assert judgement.evidence == {"processed jobs": 0}
