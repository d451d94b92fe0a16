"""Thresholds that a configuration changes, as a tree of YAML."""

from __future__ import annotations

from exporter.config import overrides, yaml_file
from exporter.config.settings import Amount, Override
from exporter.core.problems import Problems
from exporter.core.types import Seconds


def read(text: str, wrong: str | None = None) -> tuple[tuple[Override, ...], tuple[str, ...]]:
    problems = Problems()
    root = yaml_file.load(text, "c.yaml", problems)
    return overrides.read(root, lambda _: wrong, problems), problems.lines()


def test_both_forms_are_understood():
    """A value alone is the threshold."""
    found, problems = read("A: {page: 5, ticket: 2m}\nB: {page: {threshold: 0.5, for: 1m}, info: {for: 0s}}\n")
    assert problems == ()
    assert found == (
        Override("A", "page", Amount(5)),
        Override("A", "ticket", Amount(120, is_time=True)),
        Override("B", "page", Amount(0.5), Seconds(60)),
        Override("B", "info", None, Seconds(0)),
    )


def test_an_empty_override_changes_nothing():
    """Null, empty keys, keys without values."""
    assert read("A:\nB: {}\nC: {page: }\nD: {page: {threshold: null}}\n") == ((), ())


def test_an_invalid_override_is_left_out():
    """With its place, once."""
    assert read("A: {page: 5}\n", "no such thing") == ((), ("c.yaml:1: A.page: no such thing",))


def test_mistakes_of_form_have_their_places():
    """A value of any other type."""
    assert read("A: 5\nB: {page: [1]}\nC: {page: {threshold: x, for: y, z: 1}}\nD: {page: -1}\n")[1] == (
        "c.yaml:1: A: expected keys and values",
        "c.yaml:2: B.page: expected a single value",
        "c.yaml:3: C.page.z: unknown key",
        "c.yaml:3: C.page.threshold: expected a number such as 2000 or 0.05, or a duration such as 10m",
        "c.yaml:3: C.page.for: expected a duration such as 500ms, 15s, 5m, 1h30m or 7d",
        "c.yaml:4: D.page: expected a number such as 2000 or 0.05, or a duration such as 10m",
    )
