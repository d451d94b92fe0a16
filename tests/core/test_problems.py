"""Mistakes of a configuration are collected with their places and reported together."""

import pytest

from exporter.core.errors import ConfigError
from exporter.core.problems import Place, Problems, nearest


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("config.yaml", 12, "sampling.interval"), "config.yaml:12: sampling.interval"),
        (Place("config.yaml", 0), "config.yaml"),
        (Place("OUTBOX_EXPORTER_WEB_LISTEN"), "OUTBOX_EXPORTER_WEB_LISTEN"),
    ],
)
def test_place_names_source_line_and_key(place, text):
    assert str(place) == text


def test_problems_are_listed_by_line_then_by_variable():
    """Those of the file in its order, then those of the environment by name."""
    problems = Problems()
    problems.add(Place("B_VARIABLE"), "three")
    problems.add(Place("A_VARIABLE"), "two")
    problems.add(Place("config.yaml", 9), "one")
    problems.add(Place("config.yaml", 2), "zero")
    assert problems.lines() == ("config.yaml:2: zero", "config.yaml:9: one", "A_VARIABLE: two", "B_VARIABLE: three")
    assert len(problems) == 4
    assert Place("A_VARIABLE") in problems
    assert Place("C_VARIABLE") not in problems
    with pytest.raises(ConfigError) as caught:
        problems.check()
    assert caught.value.problems == problems.lines()


def test_no_problems_no_error():
    """An empty collection is false."""
    assert not Problems()
    Problems().check()


def test_fatal_problem_is_reported_with_the_others():
    """Nothing after it can be read."""
    problems = Problems()
    problems.add(Place("config.yaml", 3), "earlier")
    error = problems.fatal(Place("config.yaml", 5), "not YAML")
    assert error.problems == ("config.yaml:3: earlier", "config.yaml:5: not YAML")


def test_nearest_name_is_suggested():
    """Nothing for a name that resembles none; a common prefix is printed and not compared."""
    assert nearest("intervall", ["interval", "timeout"]) == '; did you mean "interval"?'
    assert nearest("zzz", ["interval", "timeout"]) == ""
    assert nearest("OUTBOX_LISTNE", ["OUTBOX_LISTEN", "OUTBOX_DSN"], "OUTBOX_") == '; did you mean "OUTBOX_LISTEN"?'
    assert nearest("OUTBOX_ZZZ", ["OUTBOX_LISTEN"], "OUTBOX_") == ""
