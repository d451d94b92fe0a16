"""What is remembered, for how long, and what is stale."""

from array import array

import pytest

from alerts.model import Labels
from alerts.promql.parse import parse
from alerts.promql.storage import LOOKBACK, Series, Storage, required_history
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
def test_needs(expression: str, history: dict[str, float]) -> None:
    """Each metric is needed for the longest look back, and for the lookback of a sample at least."""
    assert required_history([parse(expression)]) == history


def test_forgets_what_nobody_looks_back_on() -> None:
    """However long it runs, a series holds no more than its history, and one that is gone leaves nothing behind."""
    kept = Storage({"x": 600.0})
    for index in range(10_000):
        kept.append(index * 15.0, [("x", (), 1.0), ("x", (("only", "once"),), 1.0)][: 2 if index < 5 else 1])
        kept.truncate()
    (series,) = kept.series()
    assert len(series.times) == 600 // 15 + 1
    assert not series.ends


def test_keeps_only_what_is_asked_for() -> None:
    """Metrics that no expression mentions cost nothing."""
    kept = Storage({"x": 600.0})
    kept.append(0, [("x", (), 1.0), ("y", (), 1.0)])
    assert [series.metric for series in kept.series()] == ["x"]
    assert kept.stores("x")
    assert not kept.stores("y")


def test_missing_is_stale_at_once() -> None:
    """A series that the newest scrape does not have is gone, and there again when it comes back."""
    kept = storage("x 1 _ 3\ny 1 1 1")
    assert evaluated("x", kept, 14.999) == {"__name__=x": 1}
    assert evaluated("x", kept, 15) == {}
    assert evaluated("x", kept, 30) == {"__name__=x": 3}
    assert evaluated("count_over_time(x[1m])", kept, 30) == {"": 2}


def test_silence_of_all_is_stale_after_the_lookback() -> None:
    """When no scrape comes at all, the last sample stands for five minutes."""
    kept = storage("x 1")
    assert evaluated("x", kept, LOOKBACK / 1000 - 0.001) == {"__name__=x": 1}
    assert evaluated("x", kept, LOOKBACK / 1000) == {}


def test_sources_do_not_end_each_other() -> None:
    """What a rule records is not missing because a scrape does not have it."""
    kept = Storage({"x": 600.0, "y": 600.0})
    kept.append(0, [("x", (), 1.0)])
    kept.append(0, [("y", (), 2.0)], source="y")
    kept.append(15, [("x", (), 1.0)])
    assert evaluated("y", kept, 15) == {"__name__=y": 2}
    kept.append(15, [], source="y")
    assert evaluated("y", kept, 15) == {}


def test_time_goes_forward() -> None:
    """A batch that is not later than the one before is refused, and so is a series that is there twice."""
    kept = storage("x 1 1")
    with pytest.raises(ValueError, match="not later than"):
        kept.append(15, [("x", (), 1.0)])
    with pytest.raises(ValueError, match="twice"):
        kept.append(30, [("x", (), 1.0), ("x", (), 1.0)])


def test_shift_keeps_distances() -> None:
    """After the clock was set, what was a minute ago still is; staleness moves with it."""
    kept = storage("x 1 2 3 4 5\ny 1 _ 3 _ _")
    before = evaluated("increase(x[1m]) or y", kept, 60)
    kept.shift(-3600)
    assert evaluated("increase(x[1m]) or y", kept, 60 - 3600) == before
    kept.append(75 - 3600, [("x", (), 6.0)])


def test_selects_by_labels() -> None:
    """A label that is missing counts as empty."""
    kept = storage('x{a="1"} 1\nx{a="2",b="3"} 1')
    selector = parse('x{b=""}')
    assert isinstance(selector, VectorSelector)
    assert [series.labels for series in kept.selection(selector)()] == [(("a", "1"),)]


def test_selects_what_came_and_not_what_went() -> None:
    """A selection asked for again has the series that there are by then."""
    selector = parse('x{a=~"1|2"}')
    assert isinstance(selector, VectorSelector)
    kept = Storage({"x": 300})
    selection = kept.selection(selector)

    def selected() -> list[Labels]:
        return [series.labels for series in selection()]

    assert selected() == []
    kept.append(0, [("x", (("a", "1"),), 1.0)])
    assert selected() == [(("a", "1"),)]
    kept.append(200, [("x", (("a", "2"),), 1.0), ("x", (("a", "3"),), 1.0)])
    assert selected() == [(("a", "1"),), (("a", "2"),)]
    kept.append(400, [("x", (("a", "2"),), 1.0)])
    kept.truncate()
    assert selected() == [(("a", "2"),)]
    kept.restore(Series("x", (("a", "1"),), times=array("q", [1]), values=array("d", [1.0])))
    assert selected() == [(("a", "2"),), (("a", "1"),)]


def test_restores() -> None:
    """A series kept elsewhere is remembered as if seen here, unless nobody asks for it."""
    source, kept = storage("x 1 2\ny 1 2"), Storage({"x": 600.0})
    for series in source.series():
        kept.restore(series)
    assert evaluated("increase(x[1m]) or y", kept, 15) == evaluated("increase(x[1m])", source, 15)
    kept.restore(Series("x", (("empty", ""),)))
    assert len(list(kept.series())) == 1
