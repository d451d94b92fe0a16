"""The daily clean-up is part of every watch of a day, and is checked by the rows that remain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.watch.analysis.cleanup import CleanupOutcome, CleanupTracker, latest
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.model.check import CleanupSchedule
from alerts.watch.model.tick import Cause, Tick
from alerts.watch.model.watch import Verdict
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, collector_unknown, during, result, without

CLOCK = "outbox_cron_timezone_offset_seconds"
OLDEST = "outbox_idempotency_oldest_expired_timestamp_seconds"
# The watches here begin at 10:00 UTC: it is due after 17 hours.
DUE = 17 * HOUR
MINUTE = 60.0


def with_expired_rows(tick: Tick) -> Tick:
    """Rows that expired at 02:00 still exist."""
    return replace(tick, values={**tick.values, OLDEST: fixtures.START + DUE - HOUR})


def of_cleanup(history: list[Tick], *, elapsed: float = DAY, final: bool = True):
    judgement = evaluate_watch(fixtures.watch(), history, fixtures.START + elapsed, elapsed, final=final)
    return result(judgement, "cleanup_ran")


def test_it_ran():
    """Seen clean after three o'clock."""
    found = of_cleanup(fixtures.ticks())
    assert found.verdict is Verdict.PASS
    assert "ran on 2025-11-19" in found.reason


@pytest.mark.parametrize(("late", "verdict"), [(30, Verdict.PASS), (119, Verdict.PASS), (125, Verdict.FAIL)])
def test_it_has_two_hours(late, verdict):
    """Later than that it did not run when it was due."""
    assert of_cleanup(during(fixtures.ticks(), DUE - HOUR, DUE + late * MINUTE, with_expired_rows)).verdict is verdict


def test_it_did_not_run():
    """That is certain two hours later, not at the end."""
    history = during(fixtures.ticks(), DUE - HOUR, DAY, with_expired_rows)
    upto = [tick for tick in history if tick.elapsed <= DUE + 2 * HOUR + 2 * MINUTE]
    assert of_cleanup(upto[:-3], elapsed=upto[-4].elapsed, final=False).verdict is not Verdict.FAIL
    found = of_cleanup(upto, elapsed=upto[-1].elapsed, final=False)
    assert found.verdict is Verdict.FAIL
    assert "did not run on 2025-11-19" in found.reason


@pytest.mark.parametrize(
    ("late", "offset", "outcome"),
    [
        (130, 0.0, CleanupOutcome.OVERDUE),
        (130, 20 * MINUTE, CleanupOutcome.UNKNOWN),
        (110, -20 * MINUTE, CleanupOutcome.UNKNOWN),
        (150, 20 * MINUTE, CleanupOutcome.OVERDUE),
    ],
)
def test_a_clock_that_was_set_makes_no_clean_up_late(late, offset, outcome):
    """It is late only if it is by the clock before and after it was set: the earlier one counts."""
    (check,) = (each for each in fixtures.watch().checks if each.name == "cleanup_ran")
    assert check.schedule is not None
    tracker = CleanupTracker(check.schedule, frozenset(check.collectors), fixtures.START)
    (tick,) = (with_expired_rows(each) for each in fixtures.ticks() if each.elapsed == DUE + late * MINUTE)
    tracker.add(tick, offset)
    assert tracker.outcomes(tick.at + HOUR, final=True) == {fixtures.START + DUE: outcome}


def test_within_its_grace_period_a_clean_up_has_no_outcome():
    """At half past three it is late, and not unknown."""
    history = during(fixtures.ticks(), DUE - HOUR, DUE + HOUR, with_expired_rows)
    upto = [tick for tick in history if tick.elapsed <= DUE + 30 * MINUTE]
    found = of_cleanup(upto, elapsed=upto[-1].elapsed, final=False)
    assert (found.verdict, found.reason.endswith("was not due.")) == (None, True)
    judgement = evaluate_watch(
        fixtures.watch(), upto, fixtures.START + DUE + 30 * MINUTE, DUE + 30 * MINUTE, final=True
    )
    assert result(judgement, "cleanup_ran").verdict is Verdict.INCONCLUSIVE


def test_nothing_expired_is_clean():
    """No series means no expired key."""
    history = during(fixtures.ticks(), DUE - HOUR, DAY, fixtures.lacking(OLDEST))
    assert of_cleanup(history).verdict is Verdict.PASS


@pytest.mark.parametrize("hidden", [collector_unknown("idempotency", Cause.NOT_VISIBLE), None])
def test_without_data_at_the_due_time_it_is_inconclusive(hidden):
    """Clean three hours later may have been cleaned by hand."""
    history = fixtures.ticks()
    if hidden:
        history = during(history, DUE - HOUR, DUE + 3 * HOUR, hidden)
    else:
        history = without(history, DUE - HOUR, DUE + 3 * HOUR)
    found = of_cleanup(history)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "It is unknown whether the clean-up of expired idempotency keys" in found.reason
    assert "ran on 2025-11-19" in found.reason


def test_a_short_watch_in_the_afternoon_has_none():
    """It is not checked, and the messages do not claim that it was."""
    watch = fixtures.watch(HOUR)
    found = result(evaluate_watch(watch, fixtures.ticks(HOUR), fixtures.START + HOUR, HOUR, final=True), "cleanup_ran")
    assert (found.verdict, found.reason.endswith("was not due.")) == (None, True)


@pytest.mark.parametrize(
    ("hour", "weekday", "ahead", "at", "expected"),
    [
        (3, None, 0, "2025-11-18T03:00:00", "2025-11-18T03:00:00"),
        (3, None, 0, "2025-11-18T02:59:59", "2025-11-17T03:00:00"),
        (3, None, 0, "2026-01-01T00:00:00", "2025-12-31T03:00:00"),
        (2, 6, 0, "2025-11-18T10:00:00", "2025-11-16T02:00:00"),
        (2, 6, 0, "2025-11-16T01:00:00", "2025-11-09T02:00:00"),
        # Tokyo, St John's in winter, Kiritimati.
        (3, None, 9, "2025-11-18T17:59:59", "2025-11-17T18:00:00"),
        (3, None, 9, "2025-11-18T18:00:00", "2025-11-18T18:00:00"),
        (3, None, -3.5, "2025-11-18T06:30:00", "2025-11-18T06:30:00"),
        (3, None, -3.5, "2025-11-18T06:29:59", "2025-11-17T06:30:00"),
        (2, 6, 14, "2025-11-15T12:00:00", "2025-11-15T12:00:00"),
        (2, 6, 14, "2025-11-15T11:59:59", "2025-11-08T12:00:00"),
    ],
)
def test_when_it_was_due_last(hour, weekday, ahead, at, expected):
    """Daily, or on one day of the week, by a clock that is ahead of UTC by so many hours."""
    schedule = CleanupSchedule(hour, weekday, CLOCK, OLDEST, 0.0, 2 * HOUR)
    due = latest(schedule, datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(), ahead * HOUR)
    assert datetime.fromtimestamp(due, UTC).replace(tzinfo=None).isoformat() == expected


# --- a clean-up by another clock


def in_tokyo(tick: Tick) -> Tick:
    """pg_cron's clock is nine hours ahead: the clean-up runs at 18:00 UTC."""
    cleaned = (tick.at - 18 * HOUR) // DAY * DAY + 18 * HOUR
    return replace(tick, values={**tick.values, CLOCK: 9 * HOUR, OLDEST: cleaned})


def test_the_deadline_follows_the_clock_of_pg_cron():
    """Due at 18:00 UTC, it is not overdue at 05:00; the message has the time when it was due."""
    found = of_cleanup([in_tokyo(tick) for tick in fixtures.ticks()])
    assert (found.verdict, "ran on 2025-11-18 at 18:00 UTC" in found.reason) == (Verdict.PASS, True)


def test_a_clean_up_that_misses_its_own_deadline_fails():
    """Two hours after 18:00 UTC rows that had expired before still exist."""
    due = 8 * HOUR
    history = [in_tokyo(tick) for tick in fixtures.ticks()]
    history = during(
        history, due - HOUR, DAY, lambda tick: replace(tick, values={**tick.values, OLDEST: fixtures.START})
    )
    found = of_cleanup(history)
    assert (found.verdict, "did not run on 2025-11-18 at 18:00 UTC" in found.reason) == (Verdict.FAIL, True)


def test_a_clock_that_is_not_visible_proves_nothing_and_fails_nothing():
    """In whichever zone it runs, it is not called overdue; whether keys grow old is another check."""
    history = [fixtures.lacking(CLOCK)(in_tokyo(tick)) for tick in fixtures.ticks()]
    found = of_cleanup(history)
    assert (found.verdict, "cron.timezone" in found.reason) == (None, True)


def test_a_clock_that_becomes_visible_later_counts():
    """The migration is looked at every few minutes, so that the first ticks know nothing of it."""
    history = during(fixtures.ticks(), 0.0, HOUR, fixtures.lacking(CLOCK))
    assert of_cleanup(history).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("seconds", "final", "known"),
    [(599, True, False), (600, True, True), (2 * HOUR, False, False), (2 * HOUR + 1, False, True)],
)
def test_a_clean_up_counts_after_a_while(seconds, final, known):
    """Ten minutes after it was due at the end of a watch, after its grace period before."""
    due = datetime(2025, 11, 19, 3, tzinfo=UTC).timestamp()
    tracker = CleanupTracker(CleanupSchedule(3, None, CLOCK, OLDEST, 0.0, 2 * HOUR), frozenset(), due - HOUR)
    tracker.add(Tick(due - 60, 0.0, 1, 60.0, {CLOCK: 0.0, OLDEST: due - DAY}))
    assert tracker.outcomes(due + seconds, final=final) == ({due: CleanupOutcome.UNKNOWN} if known else {})


@pytest.mark.parametrize(
    ("seconds", "oldest", "outcome"),
    [
        (0, 0, CleanupOutcome.DONE),
        (0, -1, CleanupOutcome.UNKNOWN),
        (2 * HOUR, 0, CleanupOutcome.DONE),
        (2 * HOUR, -1, CleanupOutcome.UNKNOWN),
        (2 * HOUR + 1, 0, CleanupOutcome.UNKNOWN),
        (2 * HOUR + 1, -1, CleanupOutcome.OVERDUE),
    ],
)
def test_an_older_row_after_the_grace_period_is_overdue(seconds, oldest, outcome):
    """A row as old as the due time is not."""
    due = datetime(2025, 11, 19, 3, tzinfo=UTC).timestamp()
    tracker = CleanupTracker(CleanupSchedule(3, None, CLOCK, OLDEST, 0.0, 2 * HOUR), frozenset(), due - HOUR)
    tracker.add(Tick(due + seconds, 0.0, 1, 60.0, {CLOCK: 0.0, OLDEST: due + oldest}))
    assert tracker.outcomes(due + 3 * HOUR, final=True) == {due: outcome}


def test_a_finished_clean_up_stays_finished():
    """Keys that expired before it and come later do not make it overdue."""
    due = datetime(2025, 11, 19, 3, tzinfo=UTC).timestamp()
    tracker = CleanupTracker(CleanupSchedule(3, None, CLOCK, OLDEST, 0.0, 2 * HOUR), frozenset(), due - HOUR)
    tracker.add(Tick(due + 60, 0.0, 1, 60.0, {CLOCK: 0.0, OLDEST: due}))
    tracker.add(Tick(due + 3 * HOUR, 0.0, 1, 60.0, {CLOCK: 0.0, OLDEST: due - DAY}))
    assert tracker.outcomes(due + 4 * HOUR, final=True) == {due: CleanupOutcome.DONE}
