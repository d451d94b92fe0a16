"""Typed access to one section: values, defaults, and one problem for each mistake."""

import pytest

from exporter.config import yaml_file
from exporter.core.problems import Problems
from exporter.web.config.section import WebConfigSection

COLOURS = {"red": 1, "green": 2}


def section(text: str) -> tuple[WebConfigSection, Problems]:
    problems = Problems()
    mapping = yaml_file.load(text, "web.yml", problems)
    return WebConfigSection(mapping, problems, ("name", "names")), problems


def test_absent_keys_have_defaults():
    """And are no problem."""
    found, problems = section("{}")
    assert (found.has("name"), found.text("name"), found.texts("names")) == (False, "", ())
    assert (found.boolean("name", default=True), found.choice("name", COLOURS, 7)) == (True, 7)
    assert not found.is_empty_list("names")
    assert problems.lines() == ()


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("on", True), ("true", True), ("no", False), ("off", False), ("false", False)]
)
def test_booleans_in_the_spellings_of_yaml_1_1(text, value):
    assert section(f"name: {text}")[0].boolean("name", default=not value) is value


def test_an_empty_text_counts_as_no_value():
    """As in the toolkit; a mapping or a list is a value."""
    assert not section("name: ''")[0].has("name")
    assert section("name: x")[0].has("name")
    assert section("name: []")[0].has("name")
    assert section("name: []")[0].is_empty_list("name")


def test_choices_are_looked_up():
    """An unknown one is a problem, with the nearest known name; the others are still returned."""
    found, problems = section("name: green\nnames: [red, gren, green]")
    assert found.choice("name", COLOURS, 0) == 2
    assert found.choices("names", COLOURS) == (1, 2)
    assert problems.lines() == ('web.yml:2: names: not one of red, green; did you mean "green"?',)


def test_an_unknown_choice_is_the_default():
    found, problems = section("name: secret")
    assert found.choice("name", COLOURS, 0) == 0
    assert problems.lines() == ("web.yml:1: name: not one of red, green",)


def test_an_unknown_key_is_a_problem():
    assert "unknown key" in "\n".join(section("nmae: x")[1].lines())
