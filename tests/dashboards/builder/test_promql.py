"""Expressions for panels: they keep the selected labels, and mean the same as the policy."""

from __future__ import annotations

import pytest

from alerts.model import Policy, Signal
from alerts.policy.load import load_policy
from dashboards.builder.promql import PolicySignals, age, age_when_sampled, one, per_minute, pick, while_counted, worst
from exporter.metrics.catalogue import (
    APP_FSM_INITIALIZATIONS,
    OLDEST_PENDING,
    PENDING_JOBS,
    PROCESSED_JOBS,
    PROCESSING_TIME,
    QUEUE_OLDEST_PENDING,
)
from tests.dashboards.reading import filled, selectors

SELECTED = 'job=~"$job",instance=~"$instance"'


def policy_of(*signals: tuple[str, str]) -> PolicySignals:
    made = tuple(Signal(record, "jobs", "for a test", expr) for record, expr in signals)
    return PolicySignals(Policy(15.0, "outbox-exporter", made, ()))


def test_a_selector_has_the_selected_job_and_instance():
    """With further matchers and parts of a histogram behind."""
    assert pick(PENDING_JOBS) == f"outbox_pending_jobs{{{SELECTED}}}"
    assert pick(PENDING_JOBS, 'state="failing"') == f'outbox_pending_jobs{{{SELECTED},state="failing"}}'
    assert pick(PROCESSING_TIME, suffix="_bucket") == f"outbox_processing_time_seconds_bucket{{{SELECTED}}}"


def test_replicas_are_taken_together():
    """By their greatest, or earliest."""
    assert one("x") == "max without (instance, pod) (x)"
    assert one("x", "queue") == "max without (instance, pod, queue) (x)"
    assert age(OLDEST_PENDING) == f"time() - min without (instance, pod) ({pick(OLDEST_PENDING)})"


def test_an_age_of_a_sample_does_not_grow_until_the_next_one():
    """With the labels of its metric."""
    assert age_when_sampled(QUEUE_OLDEST_PENDING) == (
        "max without (instance, pod) ("
        f'outbox_collector_last_success_timestamp_seconds{{{SELECTED},collector="backlog"}}'
        f" - ignoring (collector, queue) group_right () outbox_queue_oldest_pending_timestamp_seconds{{{SELECTED}}})"
    )


def test_a_rate_follows_the_picture():
    """Per minute, a unit that is easy to picture."""
    wanted = f"60 * max without (instance, pod) (rate({pick(PROCESSED_JOBS)}[$__rate_interval]))"
    assert per_minute(PROCESSED_JOBS) == wanted


def test_signals_are_written_out():
    """A signal made of signals, so that no recording rule is needed."""
    said = policy_of(
        ("outbox:a", "max(outbox_up)"), ("outbox:b:rate5m", "outbox:a / 2"), ("outbox:c", "outbox:b:rate5m > 0")
    )
    assert said("outbox:c") == f"(((max(outbox_up{{{SELECTED}}})) / 2) > 0)"


def test_an_earlier_signal_shifts_its_selectors():
    """To the exact moment: a subquery would answer as of its last step, which is aligned to the clock."""
    said = policy_of(
        ("outbox:a", 'max(outbox_pending_jobs{state="failing"}) + rate(outbox_processed_jobs_total[5m])'),
        ("outbox:b", "outbox:a - outbox:a offset 6s"),
    )
    assert said("outbox:b") == " - ".join(
        f'{bracket}(max(outbox_pending_jobs{{{SELECTED},state="failing"}}{offset})'
        f" + (increase(outbox_processed_jobs_total{{{SELECTED}}}[5m]{offset}) / 300)){end}"
        for bracket, offset, end in (("(", "", ""), ("", " offset 6s", ")"))
    )


def test_expressions_that_cannot_be_shifted_are_refused():
    """A signal with an offset of its own, and one over a range of another signal."""
    for inner in ("outbox_up offset 1m", "resets(outbox:a[5m])"):
        said = policy_of(("outbox:a", "max(outbox_up)"), ("outbox:b", inner), ("outbox:c", "outbox:b offset 6s"))
        with pytest.raises(ValueError, match="is not written out"):
            said("outbox:c")


def test_the_selected_job_replaces_the_policys():
    """Other matchers stay."""
    said = policy_of(
        ("outbox:a", 'process_start_time_seconds{job="outbox-exporter"} or outbox_pending_jobs{state="failing"}')
    )
    start, pending = pick("process_start_time_seconds"), pick(PENDING_JOBS, 'state="failing"')
    assert said("outbox:a") == f"({start} or {pending})"


def test_a_name_inside_of_another_is_left_alone():
    """outbox_pending_jobs is the beginning of outbox_pending_jobs_truncated."""
    said = policy_of(("outbox:a", "outbox_pending_jobs_truncated + outbox_pending_jobs"))
    assert said("outbox:a") == f"({pick('outbox_pending_jobs_truncated')} + {pick(PENDING_JOBS)})"


@pytest.mark.parametrize(
    ("window", "seconds"), [("10m", "600"), ("6s", "6"), ("1m30s", "90"), ("1h", "3600"), ("500ms", "0.5")]
)
def test_a_rate_of_the_policy_is_an_increase_over_its_window(window, seconds):
    """The same number; the linter wants rates to follow the picture."""
    said = policy_of(("outbox:a", f"rate(outbox_processed_jobs_total[{window}])"))
    assert said("outbox:a") == f"((increase({pick(PROCESSED_JOBS)}[{window}]) / {seconds}))"


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_every_signal_of_the_policy_can_be_drawn(scale):
    """Nothing of it is left that Prometheus would have to record, at any pace."""
    policy = load_policy(time_scale=scale)
    for signal in policy.signals:
        expression = filled(PolicySignals(policy)(signal.record))
        assert "outbox:" not in expression
        assert all(("job", "=~", ".+") in selector.matchers for selector in selectors(expression))


def test_an_unknown_signal_is_refused():
    """By name."""
    with pytest.raises(KeyError, match="outbox:no_such"):
        policy_of()("outbox:no_such")


def test_a_figure_over_a_window_ends_with_its_counter():
    """And is -1 when there was nothing in the window."""
    there = f"max without (instance, pod, result) ({pick(APP_FSM_INITIALIZATIONS)})"
    assert while_counted("x", pick(APP_FSM_INITIALIZATIONS)) == f"((x) and {there}) >= 0 or 0 * {there} - 1"


def test_a_number_is_the_worst_of_the_selected_outboxes():
    """Never nothing: nothing would leave the last number standing."""
    assert worst("x") == "max(x) or vector(NaN)"
    assert worst("x", least=True) == "min(x) or vector(NaN)"
