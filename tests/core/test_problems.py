"""Configuration mistakes with their places."""

from __future__ import annotations

import pytest

from exporter.core.errors import ConfigError
from exporter.core.problems import Place, Problems, nearest


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("config.yaml", 7, "web.listen"), "config.yaml:7: web.listen"),
        (Place("config.yaml", 0, "web"), "config.yaml: web"),
        (Place("config.yaml", 3), "config.yaml:3"),
        (Place("OUTBOX_EXPORTER_LOG_LEVEL"), "OUTBOX_EXPORTER_LOG_LEVEL"),
    ],
)
def test_a_place_as_text(place, text):
    """Source, line unless it is the file as a whole, key if there is one."""
    assert str(place) == text


def test_lines_are_in_the_order_of_the_file():
    """Those of the file by line; then those of the environment by name."""
    problems = Problems()
    for place in (Place("B"), Place("config.yaml", 9), Place("A"), Place("config.yaml", 2)):
        problems.add(place, "wrong")
    assert problems.lines() == ("config.yaml:2: wrong", "config.yaml:9: wrong", "A: wrong", "B: wrong")


def test_all_problems_are_in_one_error():
    """`check` raises them together, and does nothing without one."""
    problems = Problems()
    problems.check()
    problems.add(Place("A"), "one")
    problems.add(Place("B"), "two")
    assert (len(problems), Place("A") in problems, Place("C") in problems) == (2, True, False)
    with pytest.raises(ConfigError) as raised:
        problems.check()
    assert raised.value.problems == ("A: one", "B: two")


def test_a_fatal_problem_keeps_the_earlier_ones():
    """The returned error has every line."""
    problems = Problems()
    problems.add(Place("A"), "one")
    assert problems.fatal(Place("B"), "two").problems == ("A: one", "B: two")


@pytest.mark.parametrize(
    ("word", "known", "prefix", "hint"),
    [
        ("intervall", ["interval", "timeout"], "", '; did you mean "interval"?'),
        ("banana", ["interval", "timeout"], "", ""),
        ("PRE_INTERVALL", ["PRE_INTERVAL"], "PRE_", '; did you mean "PRE_INTERVAL"?'),
        ("LONG_PREFIX_X", ["LONG_PREFIX_Y"], "LONG_PREFIX_", ""),
    ],
)
def test_the_nearest_known_word(word, known, prefix, hint):
    """A common prefix is shown and not compared."""
    assert nearest(word, known, prefix) == hint
