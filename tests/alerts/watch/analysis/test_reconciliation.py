"""The balance of jobs, and the differences between counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.counters import CounterIncreases
from alerts.watch.analysis.reconciliation import EVENTS, INITIALISED, PROCESSED, JobBalance
from alerts.watch.model.result import Reconciliation
from alerts.watch.model.tick import Tick
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, during

WAITING, FAILING, EXHAUSTED = (
    f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted")
)


def account(history: list[Tick]) -> Reconciliation:
    growth, balance = CounterIncreases(), JobBalance()
    for tick in history:
        growth.add(tick)
        balance.add(tick)
    return balance.reconcile(growth)


def having(**shown: float):
    names = {"waiting": WAITING, "failing": FAILING, "exhausted": EXHAUSTED, "processed": PROCESSED, "events": EVENTS}
    return lambda tick: replace(tick, values={**tick.values, **{names[name]: value for name, value in shown.items()}})


def moving(**rates: float):
    """Values that grow with time."""
    return lambda tick: having(**{name: rate * tick.elapsed for name, rate in rates.items()})(tick)


def balanced(found: Reconciliation) -> bool:
    """The identity that it is all about."""
    assert found.created is not None
    assert found.pending_before is not None
    assert found.pending_after is not None
    return found.created + found.pending_before == pytest.approx(found.processed + found.pending_after + found.removed)


def test_a_quiet_day_adds_up():
    """One job a second, all processed, and nothing differs."""
    found = account(fixtures.ticks())
    assert balanced(found)
    assert (found.pending_before, found.pending_after, found.failing_after) == (5, 5, 0)
    assert found.processed == found.created == DAY - 60
    assert (found.removed, found.unseen_seconds, found.differences) == (0, 0, ())


def test_jobs_that_are_not_processed_are_pending_or_failing():
    """Created and not processed."""
    history = during(fixtures.ticks(), 0, DAY, moving(waiting=0.1, failing=0.01, processed=1))
    found = account(history)
    assert balanced(found)
    assert found.pending_after == pytest.approx(0.11 * DAY)
    assert found.failing_after == pytest.approx(0.01 * DAY)
    assert found.created == pytest.approx(1.11 * (DAY - 60))


def test_removed_jobs_are_found_in_quiet_hours():
    """A thousand jobs leave the backlog unprocessed in a quiet hour, for an unknown reason."""
    quiet = during(fixtures.ticks(), 0, DAY, having(processed=0, events=0, waiting=1000))
    found = account(during(quiet, 10 * HOUR, DAY, having(processed=0, events=0, waiting=0)))
    assert balanced(found)
    assert found.removed == 1000
    assert next((each.what, each.by, each.explanation) for each in found.differences) == (
        "jobs left the backlog without being counted as processed", 1000, "",
    )  # fmt: skip


def counted(**totals: float):
    """What the exporter counted, besides the processed jobs of the fixtures."""
    names = {"created": "outbox_created_jobs_total"} | {
        kind: f'outbox_unaccounted_jobs_total{{kind="{kind}"}}' for kind in ("removed", "uncounted", "doubled")
    }
    return lambda tick: replace(tick, values={**tick.values, **{names[name]: value for name, value in totals.items()}})


def test_jobs_that_the_exporter_counts_are_taken_as_they_are():
    """A single removed job is a difference: no tolerance, and created jobs do not hide it."""
    nothing = {"removed": 0.0, "uncounted": 0.0, "doubled": 0.0}
    history = [counted(created=tick.elapsed, **nothing)(tick) for tick in fixtures.ticks()]
    found = account(history)
    assert balanced(found)
    assert (found.created, found.removed, found.differences) == (DAY - 60, 0, ())
    found = account(during(history, 12 * HOUR, DAY, counted(removed=1, uncounted=2, doubled=4)))
    assert found.created == DAY - 60
    assert [(each.what, each.by) for each in found.differences] == [
        ("jobs left the backlog without being counted as processed", 3),
        ("processed_at of jobs was set twice", 4),
    ]


def test_jobs_that_were_counted_for_a_part_of_the_watch_are_computed():
    """On a standby nothing is counted: pending and processed jobs tell."""
    history = during(fixtures.ticks(), 6 * HOUR, DAY, counted(created=5, removed=0, uncounted=0, doubled=0))
    assert account(history).created == DAY - 60


def test_initialisations_without_jobs_are_not_explained():
    """The outbox is there so that this cannot happen."""
    found = account(during(fixtures.ticks(), 0, DAY, moving(events=1.5, processed=1)))
    first = found.differences[0]
    assert (first.what, first.explanation) == ("the database recorded more initialisations than created jobs", "")
    assert first.by == pytest.approx(0.5 * (DAY - 60))
    assert not all(each.explanation for each in found.differences)


def test_an_application_that_counts_more_may_have_had_repeated_requests():
    """Those answered from the cache leave no event; their number is unknown."""
    found = account(during(fixtures.ticks(), 0, DAY, moving(events=0.2, processed=1)))
    (difference,) = found.differences
    assert (difference.what, difference.explanation) == (
        "the application counted more initialisations than the database recorded",
        "it may be repeated requests, which the idempotency cache answers without an event",
    )  # fmt: skip
    assert difference.by == pytest.approx(0.3 * (DAY - 60))


def test_an_application_that_restarted_counts_fewer():
    """It is reported with the reason."""
    anew = lambda tick: replace(tick, values={**tick.values, INITIALISED: (tick.elapsed - 12 * HOUR) / 4})  # noqa: E731
    found = account(during(fixtures.ticks(), 12 * HOUR, DAY, anew))
    (difference,) = found.differences
    assert difference.explanation == "its counters were reset 1 time"


@pytest.mark.parametrize("run", [1, 2])
def test_resets_of_the_exporters_counters(run):
    """After a restart or a reload, later counts belong to the watch, and uncounted time is reported."""
    history = [
        replace(tick, run=run, values={**tick.values, PROCESSED: tick.elapsed - 12 * HOUR})
        if tick.elapsed > 12 * HOUR
        else tick
        for tick in fixtures.ticks()
    ]
    found = account(history)
    assert found.processed == pytest.approx(DAY - 60)
    assert found.unseen_seconds == 60


def test_time_without_an_exporter_explains_a_difference():
    """It counts on while no exporter runs; the database's initialisations of that time are in no counter of ours."""
    history = [
        replace(
            tick,
            run=2,
            values={**tick.values, PROCESSED: tick.elapsed - 12 * HOUR, EVENTS: (tick.elapsed - 12 * HOUR) / 2},
        )
        if tick.elapsed > 12 * HOUR
        else tick
        for tick in fixtures.without(fixtures.ticks(), 10 * HOUR, 12 * HOUR)
    ]
    (difference,) = account(history).differences
    assert difference.explanation == "the database's were not counted in 2 h 1 min without an exporter"


def sampled(every: float, *collectors: str):
    """Counters of these collectors are as old as their last sample, which is made so often from ten seconds on."""

    def change(tick: Tick) -> Tick:
        age = (tick.elapsed - 10) % every
        then = fixtures.values(tick.elapsed - age, tick.at - age)
        mine = {name: then[name] for name in (PROCESSED, EVENTS, INITIALISED) if OWNERS[name] in collectors}
        ages = {f"sample_age:{collector}": age for collector in collectors}
        return replace(tick, values={**tick.values, **mine, **ages})

    return change


OWNERS = {PROCESSED: "throughput", EVENTS: "events", INITIALISED: "application"}


def test_growth_is_counted_from_sample_to_sample_within_the_watch():
    """Counts before the watch and after the last sample are excluded; the span has its two times."""
    found = account(during(fixtures.ticks(), 0, DAY, sampled(600, "events")))
    assert found.events_span is not None
    assert (found.events_span.started, found.events_span.seconds) == (10, DAY - 600)
    assert found.events == (DAY - 600) / 2
    assert found.events_span.ended_at == fixtures.START + DAY - 590


def test_numbers_of_different_times_are_not_compared():
    """An old sample of one counter is no difference to a new one of another; when both are old, they are compared."""
    fast = lambda tick: replace(tick, values={name: 100 * value for name, value in tick.values.items()})  # noqa: E731
    history = during(fixtures.ticks(), 0, DAY, fast)
    old = lambda tick: replace(  # noqa: E731
        tick,
        values={
            **tick.values,
            EVENTS: min(tick.elapsed, DAY - 1200) * 50,
            "sample_age:events": max(0, tick.elapsed - DAY + 1200),
        },
    )
    found = account(during(history, 0, DAY, old))
    assert found.events is not None
    assert found.initialised is not None
    assert found.initialised - found.events > 0.01 * found.events
    assert found.differences == ()


def test_a_sample_of_before_the_watch_begins_no_account():
    """Jobs processed before the watch are none of it: the account begins with the first sample within."""

    def stale(tick):
        return replace(tick, values={**tick.values, PROCESSED: -300, "sample_age:throughput": tick.elapsed + 300})

    found = account(during(fixtures.ticks(), 0, 300, stale))
    assert balanced(found)
    assert found.processed == found.created == DAY - 360
    assert found.jobs_span is not None
    assert found.jobs_span.started == 360


def test_without_samples_nothing_is_known():
    """No numbers out of nowhere."""
    found = account([])
    assert (found.created, found.pending_before, found.pending_after, found.events) == (None, None, None, None)
    assert found.differences == ()


@pytest.mark.parametrize(("removed", "listed"), [(10, 0), (11, 1)])
def test_ten_removed_jobs_are_no_difference(removed, listed):
    """The samples of pending and of processed jobs are moments apart."""
    quiet = during(fixtures.ticks(), 0, DAY, having(processed=0, events=0, waiting=removed))
    found = account(during(quiet, 10 * HOUR, DAY, having(processed=0, events=0, waiting=0)))
    assert (found.removed, len([each for each in found.differences if "left the backlog" in each.what])) == (
        removed,
        listed,
    )


@pytest.mark.parametrize(("length", "removed"), [(HOUR / 2, 0), (2 * HOUR, 100)])
def test_jobs_created_and_removed_within_an_hour_cancel_out(length, removed):
    """Those of different hours do not."""
    quiet = during(fixtures.ticks(), 0, DAY, having(processed=0, events=0, waiting=0))
    found = account(during(quiet, 10.1 * HOUR, 10.1 * HOUR + length, having(processed=0, events=0, waiting=100)))
    assert (found.created, found.removed) == (removed, removed)


@pytest.mark.parametrize(("share", "listed"), [(0.01, 0), (0.0102, 1)])
def test_a_hundredth_of_the_events_is_no_difference(share, listed):
    """The application counts a little more than the database."""
    events = 10_000.0

    def counted(tick: Tick) -> Tick:
        part = (tick.elapsed - 60) / (DAY - 60)
        moved = having(processed=events * part, events=events * part)(tick)
        changed: Tick = replace(moved, values={**moved.values, INITIALISED: events * (1 + share) * part})
        return changed

    assert len(account(during(fixtures.ticks(), 0, DAY, counted)).differences) == listed
