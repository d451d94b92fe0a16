"""For every history: more breach never improves a verdict, less coverage proves nothing, order is nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerts.watch.analysis.verdict import WatchEvaluator, evaluate_watch
from alerts.watch.checks.configured import configured_checks
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause, Tick
from alerts.watch.model.watch import Verdict
from exporter.config.settings import WatchCheck
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import HOUR, INTERVAL, showing

SEEDS = range(70)
DURATION = 2 * HOUR
# From the worst to the best.
ORDER = list(Verdict)

BREACHES = (
    showing(backlog_jobs=2000),
    showing(oldest_open_age_seconds=900),
    showing(migration_checks_broken=2),
    showing(app_healthy=0),
    showing(expired_key_age_seconds=27 * HOUR),
    lambda tick: replace(tick, firing=("OutboxHeadBlocked/page", *tick.firing)),
)
BLINDNESS = (
    fixtures.database_unknown(Cause.UNREACHABLE),
    fixtures.collector_unknown("backlog", Cause.LOCK),
    fixtures.collector_unknown("application", Cause.APPLICATION),
    fixtures.lacking("outbox:app_healthy", "outbox:migration_checks_broken"),
)


def verdict_on(history: Sequence[Tick], *, final: bool = True) -> Judgement:
    return evaluate_watch(fixtures.watch(DURATION), history, fixtures.START + DURATION, DURATION, final=final)


def some(rng: random.Random, history: list[Tick], changes: Sequence[fixtures.Change], stretches: int) -> list[Tick]:
    """The history with some stretches changed: from one tick to half an hour."""
    for _ in range(stretches):
        start = rng.uniform(0, DURATION)
        length = rng.choice((INTERVAL, 4 * INTERVAL, rng.uniform(0, 1800)))
        history = fixtures.during(history, start, start + length, rng.choice(changes))
    return history


def a_history(rng: random.Random) -> list[Tick]:
    """Ticks that come a little early or late, with breaches, unknown values, maintenance and gaps."""
    history = [fixtures.tick(number * INTERVAL + rng.uniform(-0.1, 0.1) * INTERVAL) for number in range(1, 120)]
    history = some(rng, history, BREACHES, rng.choice((0, 1, 1, 2, 4)))
    history = some(rng, history, BLINDNESS, rng.choice((0, 0, 1, 2)))
    if rng.random() < 0.2:
        history = some(rng, history, (lambda tick: replace(tick, maintenance=True),), 1)
    if rng.random() < 0.3:
        start = rng.uniform(0, DURATION)
        history = fixtures.without(history, start, start + rng.uniform(0, 600))
    return history


def verdicts(judgement: Judgement) -> dict[str, Verdict]:
    """Of the whole, and of each check that applies."""
    of_checks = {result.check.name: result.verdict for result in judgement.results if result.verdict}
    assert judgement.verdict is not None
    return {"": judgement.verdict, **of_checks}


def test_the_histories_cover_every_verdict():
    """All three verdicts are among them, often."""
    found = [verdict_on(a_history(random.Random(seed))).verdict for seed in SEEDS]
    assert all(found.count(verdict) > len(SEEDS) / 10 for verdict in Verdict), {v: found.count(v) for v in Verdict}


@pytest.mark.parametrize("seed", SEEDS)
def test_more_breach_never_improves(seed):
    """No check, and not the whole, gets better when more was breached."""
    rng = random.Random(seed)
    history = a_history(rng)
    before = verdicts(verdict_on(history))
    after = verdicts(verdict_on(some(rng, history, BREACHES, rng.randint(1, 3))))
    for name, verdict in after.items():
        assert ORDER.index(verdict) <= ORDER.index(before[name]), name


@pytest.mark.parametrize("seed", SEEDS)
def test_less_coverage_only_makes_a_verdict_inconclusive(seed):
    """Whatever is not seen, or whole ticks that are missing: no FAIL becomes PASS, no PASS becomes FAIL."""
    rng = random.Random(seed)
    history = a_history(rng)
    before = verdicts(verdict_on(history))
    less = some(rng, history, BLINDNESS, rng.randint(0, 3))
    kept = rng.choice((1.0, 0.99, 0.9, 0.5))
    less = [tick for tick in less if rng.random() < kept]
    after = verdicts(verdict_on(less))
    for name, verdict in after.items():
        assert verdict in (before[name], Verdict.INCONCLUSIVE), name


@pytest.mark.parametrize("seed", SEEDS)
def test_removing_the_bad_ticks_never_gives_a_pass(seed):
    """Taking away exactly the ticks that condemned a history proves nothing in its favour."""
    rng = random.Random(seed)
    history = a_history(rng)
    if verdict_on(history).verdict is Verdict.FAIL:
        condemned = [tick for tick in history if any(change(tick) == tick for change in BREACHES) or tick.firing]
        less = [tick for tick in history if tick not in condemned]
        assert verdict_on(less).verdict is not Verdict.PASS


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_the_order_of_ticks_does_not_matter(seed):
    """Ticks are evaluated in the order of their times."""
    rng = random.Random(seed)
    history = a_history(rng)
    first = verdict_on(history)
    rng.shuffle(history)
    assert verdict_on(history) == first


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_an_early_fail_is_final(seed):
    """A result that is certain at some tick stays; nothing else is decided before the end."""
    rng = random.Random(seed)
    history = a_history(rng)
    at_the_end = verdict_on(history).verdict
    for size in range(0, len(history), 10):
        so_far = evaluate_watch(fixtures.watch(DURATION), history[:size], 0.0, size * INTERVAL, final=False).verdict
        assert so_far in (None, Verdict.FAIL)
        assert so_far is None or at_the_end is Verdict.FAIL


NAMES = [check.name for check in fixtures.watch(DURATION).checks]


def configured(history: Sequence[Tick], names: Sequence[str], *, left_out: bool) -> Judgement:
    """The judgement with some checks left out, or advisory."""
    whole = fixtures.watch(DURATION)
    changes = {name: WatchCheck(name, enabled=not left_out, advisory=not left_out) for name in names}
    parameters = replace(fixtures.factory(DURATION).parameters, changes=tuple(changes.values()))
    watch = replace(whole, checks=configured_checks(parameters))
    return evaluate_watch(watch, history, fixtures.START + DURATION, DURATION, final=True)


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_an_advisory_check_decides_as_much_as_one_that_is_not_there(seed):
    """Whatever it shows: the verdict, its reasons and the coverage are those of the other checks."""
    rng = random.Random(seed)
    history = a_history(rng)
    advisory = rng.sample(NAMES, rng.randint(1, len(NAMES)))
    whole = fixtures.watch(DURATION)
    rest = replace(whole, checks=tuple(each for each in whole.checks if each.name not in advisory))
    expected = evaluate_watch(rest, history, fixtures.START + DURATION, DURATION, final=True)
    found = configured(history, advisory, left_out=False)
    assert (found.verdict, found.ratio) == (expected.verdict, expected.ratio)
    assert [reason for reason in found.reasons if not reason.startswith("Advisory: ")] == list(expected.reasons)


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_leaving_out_a_check_hides_no_failure_of_another(seed):
    """It stays FAIL, unless every check that failed was left out; without any check left, nothing is decided."""
    rng = random.Random(seed)
    history = a_history(rng)
    whole = verdict_on(history)
    gone = rng.sample(NAMES, rng.randint(1, len(NAMES) - 1))
    failed = {each.check.name for each in whole.results if each.verdict is Verdict.FAIL}
    found = configured(history, gone, left_out=True)
    assert (found.verdict is Verdict.FAIL) is bool(failed - set(gone))
    kept = {each.check.name: each.verdict for each in whole.results if each.check.name not in gone}
    assert {each.check.name: each.verdict for each in found.results if each.check.name not in gone} == kept
    assert configured(history, NAMES, left_out=True).verdict is Verdict.INCONCLUSIVE
    assert configured(history, NAMES, left_out=False).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("seed", SEEDS[::5])
def test_every_tick_knows_what_the_judgement_would_be(seed):
    """Whether the watch has failed, and its coverage, without the reasons and bounds: at each tick, before the end.

    With an application, and without one, where some checks do not apply.
    """
    history = a_history(random.Random(seed))
    for watch in (fixtures.watch(DURATION), fixtures.watch(DURATION, application=False)):
        evaluator, failed = WatchEvaluator(watch), set()
        for tick in history:
            evaluator.add(tick)
            judgement = evaluator.judgement(tick.at, tick.elapsed, final=False)
            assert evaluator.has_failed(tick.at) is (judgement.verdict is Verdict.FAIL)
            counted = [each.coverage.ratio for each in judgement.results if each.check.counts_for_coverage]
            assert evaluator.coverage(tick.elapsed) == judgement.ratio == min(counted)
            failed.add(judgement.verdict)
        later = evaluator.judgement(fixtures.START + DURATION, DURATION, final=False)
        assert evaluator.coverage(DURATION) == later.ratio
        assert failed <= {None, Verdict.FAIL}


def test_an_overdue_clean_up_fails_at_its_tick():
    """A day after its begin, which no short history reaches."""
    evaluator, failed_at = WatchEvaluator(fixtures.watch()), None
    for number in range(1, 24 * 60):
        tick = fixtures.tick(number * INTERVAL)
        old = {"outbox_idempotency_oldest_expired_timestamp_seconds": fixtures.START - 40 * HOUR}
        evaluator.add(replace(tick, values={**tick.values, **old}))
        if evaluator.has_failed(tick.at):
            failed_at = tick.elapsed
            break
    assert failed_at is not None
    judgement = evaluator.judgement(fixtures.START + failed_at, failed_at, final=False)
    assert judgement.verdict is Verdict.FAIL
    assert "CLEANUP" in {each.check.kind.name for each in judgement.results if each.verdict is Verdict.FAIL}


def test_the_judgement_is_made_while_ticks_are_added():
    """By another thread, as for the status page: each is one of a whole number of ticks."""
    evaluator, history = WatchEvaluator(fixtures.watch(DURATION)), a_history(random.Random(1))
    found: list[Judgement] = []

    def ask() -> None:
        while not found or found[-1].ticks < len(history):
            found.append(evaluator.judgement(fixtures.START + DURATION, DURATION, final=False))

    asking = threading.Thread(target=ask)
    asking.start()
    for tick in history:
        evaluator.add(tick)
    asking.join(20)
    assert not asking.is_alive()
    assert found[-1] == evaluator.judgement(fixtures.START + DURATION, DURATION, final=False)
