"""Checks of the watch that a configuration adds, makes advisory or leaves out, as a tree of YAML."""

from __future__ import annotations

from exporter.config import watch_checks, yaml_file
from exporter.config.settings import CheckCondition, CheckDefinition, WatchCheck
from exporter.config.watch_checks import CheckError
from exporter.core.problems import Problems
from exporter.core.types import Ratio, Seconds


def read(text: str, *errors: CheckError) -> tuple[tuple[WatchCheck, ...], tuple[str, ...]]:
    problems = Problems()
    root = yaml_file.load(text, "c.yaml", problems)
    return watch_checks.read(root, lambda _: errors, problems), problems.lines()


def test_changes_of_shipped_checks():
    """An entry without a definition; an empty one changes nothing."""
    assert read("a: {advisory: true}\nb: {enabled: false}\nc:\n") == (
        (WatchCheck("a", advisory=True), WatchCheck("b", enabled=False), WatchCheck("c")),
        (),
    )


def test_a_definition():
    """Every key; the limit stays a text, since its unit is not known here."""
    found, problems = read(
        "imports:\n"
        "  title: Imports are short\n  subject: The queue\n  good: was short\n  bad: was long\n  source: us\n"
        "  when:\n"
        "    - {expr: sum(a), above: 10m, unit: seconds}\n"
        "    - {signal: outbox:backlog_jobs, at_least: 100, absent: false}\n"
        "  budget: {stretch: 1m, share: 0.5}\n"
        "  excused: true\n  advisory: true\n  enabled: false\n"
    )
    assert problems == ()
    conditions = (
        CheckCondition(expr="sum(a)", comparison="above", limit="10m", unit="seconds"),
        CheckCondition("outbox:backlog_jobs", comparison="at_least", limit="100", absent=False),
    )
    definition = CheckDefinition(
        "Imports are short", conditions, "The queue", "was short", "was long", "us", Seconds(60), Ratio(0.5), True
    )
    assert found == (WatchCheck("imports", enabled=False, advisory=True, definition=definition),)


def test_the_default_budget():
    """Five minutes at a time, and a hundredth of the watch."""
    (found,), _ = read("a: {title: A, when: [{expr: b, below: 1}]}")
    assert found.definition
    budget = (float(found.definition.stretch), float(found.definition.share))
    assert (budget, found.definition.excused) == ((300, 0.01), False)


def test_mistakes_of_form_have_their_places():
    """All at once."""
    text = (
        "a: 5\n"
        "b: {advisory: yes please}\n"
        "c: {title: C}\n"
        "d:\n"
        "  title: D\n"
        "  when:\n"
        "    - {expr: x, signal: y, above: 1}\n"
        "    - {expr: x, above: 1, below: 2, limit: 3}\n"
        "    - x > 5\n"
        "  budget: {stretch: 5, total: 1h}\n"
        "e: {title: E, when: x > 5}\n"
        "f: {title: F, when: []}\n"
    )
    assert read(text)[1] == (
        "c.yaml:1: a: expected keys and values",
        "c.yaml:2: b.advisory: expected true or false",
        "c.yaml:3: c.when: missing",
        "c.yaml:7: d.when[0]: expected exactly one of signal, expr",
        "c.yaml:8: d.when[1].limit: unknown key",
        "c.yaml:8: d.when[1]: expected exactly one of above, at_least, below",
        "c.yaml:9: d.when[2]: expected keys and values",
        "c.yaml:10: d.budget.total: unknown key",
        "c.yaml:10: d.budget.stretch: a number needs its unit: 500ms, 15s, 5m, 1h30m, 7d",
        "c.yaml:11: e.when: expected a list of conditions",
        "c.yaml:12: f.when: expected a list of conditions",
    )


def test_errors_of_a_well_formed_entry_have_the_places_of_their_values():
    """A value that is not there has that of the part around it."""
    text = "a:\n  title: A\n  when:\n    - expr: x\n      above: 1\n"
    errors = (CheckError(("when", 0, "expr"), "wrong"), CheckError(("bad",), "missing"), CheckError((), "once"))
    assert read(text, *errors)[1] == (
        "c.yaml:1: a: missing",
        "c.yaml:4: a.when[0].expr: wrong",
    )
