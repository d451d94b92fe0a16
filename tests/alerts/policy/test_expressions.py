"""References in expressions of the policy."""

from __future__ import annotations

import pytest

from alerts.policy.expressions import (
    Dialect,
    check_unused_parameters,
    expand_exact_increase,
    references,
    substitute_parameters,
)
from alerts.policy.file import ExpressionParameter, SourceText
from alerts.promql.engine import Engine
from alerts.promql.parse import parse
from alerts.promql.storage import Storage, required_history
from exporter.config.settings import Amount
from exporter.core.problems import Place, Problems

PLACE = Place("p.yaml", 3, "expr")
AMOUNTS = {"window": Amount(90, is_time=True), "share": Amount(0.05), "many": Amount(1e6)}


def source_text(text: str) -> SourceText:
    return SourceText(text, PLACE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(x[$window])", "rate(x[1m30s])"),
        ("x offset $window", "x offset 1m30s"),
        ("rate(x[$window] offset $window) > $window", "rate(x[1m30s] offset 1m30s) > 90"),
        ("x > $share and y >= $many", "x > 0.05 and y >= 1000000"),
        ('x{le="$window"} > $window', 'x{le="90.0"} > 90'),
        ('up{job="$job"}', 'up{job="orders"}'),
        ("{{ no reference }}", "{{ no reference }}"),
    ],
)
def test_references_are_replaced(text, expected):
    """By the context: a duration where PromQL requires one, else a number."""
    problems = Problems()
    assert substitute_parameters(source_text(text), AMOUNTS, "orders", problems) == expected
    assert not problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > $windo", 'p.yaml:3: expr: unknown parameter $windo; did you mean "window"?'),
        ("x > $", "p.yaml:3: expr: unknown parameter $"),
        ("x[$share]", "p.yaml:3: expr: $share is not a duration, as [ requires"),
        ("x offset $many", "p.yaml:3: expr: $many is not a duration, as offset requires"),
    ],
)
def test_unknown_references_are_reported(text, expected):
    """With the nearest name; once, however often the expression is completed."""
    problems = Problems()
    substitute_parameters(source_text(text), AMOUNTS, "orders", problems)
    substitute_parameters(source_text(text), AMOUNTS, "orders", problems)
    assert problems.lines() == (expected,)


def test_the_names_in_use_are_known():
    """Across several expressions, each once."""
    assert references([source_text("$a + $b"), source_text("x[$b]"), source_text("none")]) == {"a", "b"}


def test_unused_parameters_are_reported():
    """So are those with the name of a built-in placeholder."""
    problems = Problems()
    places = {name: Place("p.yaml", line, name) for line, name in enumerate(("a", "b", "threshold"), 1)}
    parameters = [ExpressionParameter(SourceText(name, place), Amount(1)) for name, place in places.items()]
    check_unused_parameters(parameters, [source_text("$a > $threshold")], problems)
    assert problems.lines() == (
        "p.yaml:2: b: unused parameter",
        "p.yaml:3: threshold: reserved name",
    )


STEP = 15
TARGET = (("instance", "a"), ("job", "outbox"))
EXACT = expand_exact_increase("exact_increase(jobs_total[5m])", STEP)


def increase(values: list[float | None], *, late: float = 0.0, step: float = STEP) -> float | None:
    """By the engine, at the last sample's time, for samples so many seconds earlier; None is a gap."""
    tree = parse(EXACT)
    storage = Storage(required_history([tree]))
    for number, value in enumerate(values):
        samples = [] if value is None else [("jobs_total", TARGET, value)]
        storage.append(1000 + number * step - late, samples)
    result = Engine(storage, [tree]).compile(tree)(1000 + (len(values) - 1) * step)
    return next(iter(result.values()), None)


def flat(value: float, samples: int = 30) -> list[float | None]:
    return [value] * samples


def test_it_is_written_out_as_promql():
    """To the letter, for a selector with labels."""
    assert expand_exact_increase('max(exact_increase(x{a="b"}[10m])) > 3', 15) == (
        'max(((max_over_time(x{a="b"}[10m]) - (x{a="b"} offset 10m <= min_over_time(x{a="b"}[10m])'
        ' or min_over_time(x{a="b"}[10m])) unless (resets(x{a="b"}[10m]) > 0))'
        ' or ((round(increase(x{a="b"}[10m]) * 0.9875) and x{a="b"} offset 10m or x{a="b"} * 1)'
        ' and (resets(x{a="b"}[10m]) > 0)))) > 3'
    )


def test_it_is_written_out_as_metricsql():
    """In its own functions; tests/alerts/rules/test_dialects.py compares both."""
    assert expand_exact_increase('max(exact_increase(x{a="b"}[10m])) > 3', 15, Dialect.METRICSQL) == (
        'max(((increase(x{a="b"}[10m]) if x{a="b"} offset 10m)'
        ' or increase_prometheus(x{a="b"}[10m]) or 0 * x{a="b"})) > 3'
    )


def test_other_functions_stay():
    """Nothing but that function is touched."""
    text = "max(increase(x[5m])) / rate(not_exact_increases[5m])"
    assert expand_exact_increase(text, 15) == text


@pytest.mark.parametrize("late", [0.0, 0.001, 7.0, 14.999])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 11, 19, 20, 21, 1000])
def test_a_count_is_a_whole_number(count, late):
    """Wherever the scrapes lie between evaluations, and however many."""
    assert increase([*flat(7), *(7 + min(count, 1 + count * each // 10) for each in range(1, 11))], late=late) == count


@pytest.mark.parametrize("late", [0.0, 7.0])
def test_it_is_visible_for_five_minutes(late):
    """From the scrape that has it on: twenty evaluations, and not one more."""
    seen = [increase([*flat(7), *[8.0] * more], late=late) for more in range(1, 23)]
    assert seen == [1.0] * 20 + [0.0] * 2


def test_scrapes_may_be_rare():
    """Every minute: neither extrapolated nor lost."""
    assert increase([*flat(7), 9, 12, 17], step=60) == 10


@pytest.mark.parametrize("late", [0.0, 7.0])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 11])
def test_a_reset_loses_nothing(count, late):
    """Before it and after it, one each, and the others after it."""
    before = 1.0 if count else 0.0
    after = [min(count - before, float(each)) for each in range(1, 13)]
    assert increase([*flat(50), 50 + before, 0.0, *after], late=late) == count


def test_a_series_that_is_new_begins_with_its_first_sample():
    """A new Pod publishes the application's total: its first value is no increase, later growth is."""
    gone: list[float | None] = [None] * 30
    assert increase([*gone, 5.0]) == 0
    assert increase([*gone, 5.0, 5.0, 8.0]) == 3


def test_of_a_new_series_that_was_reset_the_value_counts():
    """The value before the reset is unknown; it is not the first value."""
    gone: list[float | None] = [None] * 30
    assert increase([*gone, 5.0, 5.0, 0.0, 2.0]) == 2


def test_a_gap_is_bridged():
    """Growth during a gap is an increase if both sides of the gap are within the window."""
    assert increase([*flat(7), None, None, None, 9.0]) == 2


def test_without_samples_there_is_no_number():
    """Unknown is not zero."""
    assert increase([*flat(7), *[None] * 21]) is None
