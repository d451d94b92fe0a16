"""Increases and resets of counters."""

from __future__ import annotations

from alerts.watch.analysis.counters import CounterIncreases, sample_of
from alerts.watch.model.tick import Tick

JOBS = "outbox_processed_jobs_total"
STARTS = 'outbox_app_fsm_initializations_total{result="succeeded"}'


def tick(elapsed: float, run: int = 1, *, maintenance: bool = False, **values: float) -> Tick:
    names = {"jobs": JOBS, "starts": STARTS, "age": "sample_age:throughput"}
    found = {names[name]: value for name, value in values.items()}
    return Tick(1000 + elapsed, elapsed, run, 10.0, found, maintenance=maintenance)


def increases(*ticks: Tick) -> CounterIncreases:
    made = CounterIncreases()
    for each in ticks:
        made.add(each)
    return made


def test_an_increase_is_from_the_first_sample_to_the_last():
    """The value of the first sample does not count."""
    assert increases(tick(10, jobs=5), tick(20, jobs=7), tick(30, jobs=12)).grown[JOBS] == 7


def test_after_a_new_run_the_exporter_counts_from_zero():
    """Also when its new value is not lower than the old one."""
    assert increases(tick(10, jobs=5), tick(20, 2, jobs=5), tick(30, 2, jobs=6)).grown[JOBS] == 6


def test_a_new_run_of_the_exporter_does_not_reset_the_application():
    """Its counters continue."""
    found = increases(tick(10, starts=5), tick(20, 2, starts=8))
    assert (found.grown[STARTS], found.restarts) == (3, [])


def test_a_lower_value_is_a_reset_of_the_application():
    """It is listed, and explained by declared maintenance."""
    found = increases(tick(10, starts=5), tick(20, starts=2), tick(30, starts=2), tick(40, starts=1, maintenance=True))
    assert found.grown[STARTS] == 3
    assert [(each.at, each.elapsed, each.counter, each.explained) for each in found.restarts] == [
        (1020, 20, STARTS, False),
        (1040, 40, STARTS, True),
    ]


def test_a_sample_from_before_the_watch_does_not_count():
    """Its age dates it; the increase since may have been before the watch, too."""
    found = increases(tick(10, jobs=5, age=10.5), tick(20, jobs=9, age=5), tick(30, jobs=10, age=5))
    assert found.grown[JOBS] == 1
    span = found.span(JOBS)
    assert span is not None
    assert (span.started_at, span.ended_at, span.started, span.seconds) == (1015, 1025, 15, 10)


def test_without_samples_there_is_no_span():
    """Nor an increase."""
    found = increases(tick(10, starts=5))
    assert found.span(JOBS) is None
    assert JOBS not in found.grown


def test_a_sample_has_the_time_of_its_collector_run():
    """The tick's time less the age of the sample."""
    sample = sample_of(JOBS, tick(10, 3, jobs=5, age=4))
    assert (sample.run, sample.value, sample.at, sample.elapsed) == (3, 5, 1006, 6)
    assert sample_of(JOBS, tick(10, jobs=5)).elapsed == 10
