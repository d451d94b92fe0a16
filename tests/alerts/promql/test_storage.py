"""The storage: retention, staleness, selection."""

import math
import random
from array import array
from itertools import pairwise

import pytest

from alerts.model import Labels
from alerts.promql.parse import parse
from alerts.promql.storage import Series, Storage, required_history
from alerts.promql.syntax_tree import VectorSelector
from tests.alerts.promql.notation import evaluated, storage


@pytest.mark.parametrize(
    ("expression", "history"),
    [
        ("x", {"x": 300}),
        ("x offset 10m", {"x": 900}),
        ("rate(x[1m])", {"x": 300}),
        ("rate(x[30m] offset 1h)", {"x": 5400}),
        ("rate(x[10m]) / (x + sum(y offset 1s))", {"x": 600, "y": 301}),
        ("vector(time())", {}),
    ],
)
def test_required_history(expression: str, history: dict[str, float]) -> None:
    """Each metric is needed for the longest look back, and for the lookback of a sample at least."""
    assert required_history([parse(expression)]) == history


def test_samples_beyond_the_retention_are_dropped() -> None:
    """However long it runs, a series holds no more than its history, and one that is gone leaves nothing behind."""
    series_storage = Storage({"x": 600.0})
    for index in range(10_000):
        series_storage.append(index * 15.0, [("x", (), 1.0), ("x", (("only", "once"),), 1.0)][: 2 if index < 5 else 1])
        series_storage.truncate()
    (series,) = series_storage.series()
    assert len(series.times) == 600 // 15 + 1
    assert not series.ends


def counter(days: float) -> list[tuple[float, float]]:
    """The samples of a counter with quiet and busy hours and a reset at every half day."""
    rng, value, found = random.Random(7), 0.0, []
    for tick in range(int(days * 5760)):
        value = 0.0 if tick % 2880 == 2000 else value + rng.choice((0, 0, 1, 40) if tick % 960 < 240 else (0, 1))
        found.append((tick * 15.0, value))
    return found


def test_old_samples_of_counters_are_thinned() -> None:
    """Days need little memory; `increase` loses nothing of it, and every time has a sample in force.

    Windows of up to six hours are exact, as are those of other functions, whose samples are all kept.
    """
    expressions = [parse(text) for text in ("increase(x[3d])", "increase(x[6h])", "max_over_time(y[8h])", "x")]
    thinned, dense = Storage.for_expressions(expressions), Storage({"x": 1e9, "y": 1e9})
    for at, value in counter(4):
        for each in (thinned, dense):
            each.append(at, [("x", (), value), ("y", (), value)])
        if at % 3600 == 0:
            thinned.truncate()
    thinned.truncate()
    counts = {series.metric: len(series.times) for series in thinned.series()}
    assert counts["x"] < 1440 + 66 * 15 + 20  # six hours, and sixty-six with one in four minutes; resets
    assert counts["y"] == 8 * 240 + 1
    end = 4 * 86400 - 15.0
    for text in ("increase(x[6h])", "max_over_time(y[8h])"):
        assert evaluated(text, thinned, end) == evaluated(text, dense, end)
    ((_, all_of_it),), ((_, most),) = (evaluated("increase(x[3d])", each, end).items() for each in (dense, thinned))
    assert most == pytest.approx(all_of_it, rel=2e-3)
    (series,) = (series for series in thinned.series() if series.metric == "x")
    assert max(after - before for before, after in pairwise(series.times)) < 300_000


def test_thinning_survives_a_restart() -> None:
    """A restored series is thinned as before, and loses nothing more."""
    expressions = [parse("increase(x[3d])")]
    before, after = Storage.for_expressions(expressions), Storage.for_expressions(expressions)
    for at, value in counter(2):
        before.append(at, [("x", (), value)])
    before.truncate()
    (series,) = before.series()
    times = series.times[:]
    after.restore(Series("x", (), times=times, values=series.values))
    after.truncate()
    assert [each.times for each in after.series()] == [times]


def test_each_series_has_the_history_of_its_own_selectors() -> None:
    """The bucket of a long window is kept for days; the others for as long as any expression needs them."""
    expressions = [parse('increase(x{le="1"}[1d])'), parse("increase(x[10m])")]
    series_storage = Storage.for_expressions(expressions)
    for tick in range(3000):
        series_storage.append(tick * 15.0, [("x", (("le", le),), float(tick)) for le in ("1", "2")])
    series_storage.truncate()
    oldest = {dict(series.labels)["le"]: series.times[0] / 1000 for series in series_storage.series()}
    assert oldest == {"1": 0, "2": 2999 * 15 - 600}


def test_only_required_metrics_are_stored() -> None:
    """Metrics that no expression mentions cost nothing."""
    series_storage = Storage({"x": 600.0})
    series_storage.append(0, [("x", (), 1.0), ("y", (), 1.0)])
    assert [series.metric for series in series_storage.series()] == ["x"]
    assert series_storage.stores("x")
    assert not series_storage.stores("y")


def test_missing_is_stale_at_once() -> None:
    """A series that the newest scrape does not have is gone, and there again when it comes back."""
    series_storage = storage("x 1 _ 3\ny 1 1 1")
    assert evaluated("x", series_storage, 14.999) == {"__name__=x": 1}
    assert evaluated("x", series_storage, 15) == {}
    assert evaluated("x", series_storage, 30) == {"__name__=x": 3}
    assert evaluated("count_over_time(x[1m])", series_storage, 30) == {"": 2}


def test_silence_of_all_is_stale_after_the_lookback() -> None:
    """Without any scrape the last sample is valid for five minutes."""
    series_storage = storage("x 1")
    assert evaluated("x", series_storage, 299.999) == {"__name__=x": 1}
    assert evaluated("x", series_storage, 300) == {}


def test_sources_do_not_end_each_other() -> None:
    """A recorded series is not stale because a scrape does not have it."""
    series_storage = Storage({"x": 600.0, "y": 600.0})
    series_storage.append(0, [("x", (), 1.0)])
    series_storage.append(0, [("y", (), 2.0)], source="y")
    series_storage.append(15, [("x", (), 1.0)])
    assert evaluated("y", series_storage, 15) == {"__name__=y": 2}
    series_storage.append(15, [], source="y")
    assert evaluated("y", series_storage, 15) == {}


def test_time_advances() -> None:
    """A batch that is not later than the one before is refused, and so is a series that is there twice."""
    series_storage = storage("x 1 1")
    with pytest.raises(ValueError, match="not later than"):
        series_storage.append(15, [("x", (), 1.0)])
    with pytest.raises(ValueError, match="twice"):
        series_storage.append(30, [("x", (), 1.0), ("x", (), 1.0)])


def test_shift_keeps_distances() -> None:
    """After a clock step, samples keep their age; staleness moves with them."""
    series_storage = storage("x 1 2 3 4 5\ny 1 _ 3 _ _")
    before = evaluated("increase(x[1m]) or y", series_storage, 60)
    series_storage.shift(-3600)
    assert evaluated("increase(x[1m]) or y", series_storage, 60 - 3600) == before
    series_storage.append(75 - 3600, [("x", (), 6.0)])


def test_selects_by_labels() -> None:
    """A label that is missing counts as empty."""
    series_storage = storage('x{a="1"} 1\nx{a="2",b="3"} 1')
    selector = parse('x{b=""}')
    assert isinstance(selector, VectorSelector)
    assert [series.labels for series in series_storage.selection(selector)()] == [(("a", "1"),)]


def test_selects_present_series_and_not_ended_ones() -> None:
    """A selection asked for again has the series that there are by then."""
    selector = parse('x{a=~"1|2"}')
    assert isinstance(selector, VectorSelector)
    series_storage = Storage({"x": 300})
    selection = series_storage.selection(selector)

    def selected() -> list[Labels]:
        return [series.labels for series in selection()]

    assert selected() == []
    series_storage.append(0, [("x", (("a", "1"),), 1.0)])
    assert selected() == [(("a", "1"),)]
    series_storage.append(200, [("x", (("a", "2"),), 1.0), ("x", (("a", "3"),), 1.0)])
    assert selected() == [(("a", "1"),), (("a", "2"),)]
    series_storage.append(400, [("x", (("a", "2"),), 1.0)])
    series_storage.truncate()
    assert selected() == [(("a", "2"),)]
    series_storage.restore(Series("x", (("a", "1"),), times=array("q", [1]), values=array("d", [1.0])))
    assert selected() == [(("a", "2"),), (("a", "1"),)]


def test_restores() -> None:
    """A restored series is used like a stored one, unless its metric is not stored."""
    source, series_storage = storage("x 1 2\ny 1 2"), Storage({"x": 600.0})
    for series in source.series():
        series_storage.restore(series)
    assert evaluated("increase(x[1m]) or y", series_storage, 15) == evaluated("increase(x[1m])", source, 15)
    series_storage.restore(Series("x", (("empty", ""),)))
    assert len(list(series_storage.series())) == 1


@pytest.mark.parametrize("seed", range(20))
def test_breaks_are_those_of_the_samples_that_are_kept(seed: int) -> None:
    """Of every window, after each of: new samples, thinning, truncation, a clock step, a restart."""
    rng = random.Random(seed)
    kept = Storage.for_expressions([parse("increase(x[9h])")])
    value, at = 0.0, 0.0
    for step in range(400):
        at += rng.choice((15.0, 15.0, 300.0))
        value = rng.choice((0.0, value, value + 1, value + 2, math.nan, math.inf))
        kept.append(at, [("x", (), value)])
        if rng.random() < 0.1:
            kept.truncate()
        if rng.random() < 0.02:
            by = rng.choice((-40.0, 1000.0))
            kept.shift(by)
            at += by
        if step == 300:
            before, kept = kept, Storage.for_expressions([parse("increase(x[9h])")])
            for each in before.series():
                kept.restore(Series("x", (), times=each.times, values=each.values))
        (series,) = kept.series()
        values = series.values
        first = rng.randrange(len(values))
        last = rng.randrange(first, len(values)) + 1
        expected = [index for index in range(first + 1, last) if not values[index] >= values[index - 1]]
        assert series.breaks(first, last) == expected
