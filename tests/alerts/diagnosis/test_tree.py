"""The shipped tree: every name in it exists, and every cause and answer is of use."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from alerts.diagnosis import questions
from alerts.diagnosis.model import Cause, Step
from alerts.diagnosis.runbook_step import text_of
from alerts.diagnosis.tree import FILE, load, parse
from alerts.policy.load import load_policy
from exporter.config import yaml_file
from exporter.core.problems import Problems

TREE = load()
CAUSES = {cause.name: cause for causes in TREE.alerts.values() for cause in causes}
QUESTIONS = {path.stem for path in Path(questions.__file__).parent.glob("*.py") if not path.name.startswith("__")}
each_cause = pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)


def test_every_alert_is_listed():
    """By its name; without an entry an alert has the causes of the group `any`."""
    assert set(TREE.alerts) <= {rule.key.alert for rule in load_policy().rules}
    assert all(TREE.alerts.values())
    assert TREE.causes("OutboxOfTheFuture") == TREE.groups["any"]


def test_no_key_is_there_twice():
    """YAML alone would take the last one."""
    problems = Problems()
    yaml_file.load(FILE.read_text("utf-8"), FILE.name, problems)
    assert problems.lines() == ()


@each_cause
def test_questions_and_answers_exist(cause):
    """Each condition names a module and answers of its enumeration."""
    for name, answers in cause.when:
        known = {str(answer) for answer in import_module(f"alerts.diagnosis.questions.{name}").Answer}
        assert answers <= known, name
    assert set(cause.shows) <= QUESTIONS


@each_cause
def test_its_step_exists(cause):
    """An item of a shipped runbook."""
    assert text_of(cause.step)


def test_each_question_is_asked():
    """By a cause of an alert."""
    asked = {name for cause in CAUSES.values() for name in (*cause.shows, *(name for name, _ in cause.when))}
    assert asked == QUESTIONS


@pytest.mark.parametrize("alert", TREE.alerts)
def test_a_later_cause_is_not_hidden(alert):
    """No earlier cause has the same conditions, or fewer of them."""
    causes = TREE.causes(alert)
    for place, cause in enumerate(causes):
        for earlier in causes[:place]:
            assert not implies(cause, earlier), (earlier.name, cause.name)


def implies(cause: Cause, other: Cause) -> bool:
    """Whether the other one holds whenever this one does."""
    mine = dict(cause.when)
    return all(mine.get(name, frozenset()) and mine[name] <= answers for name, answers in other.when)


def test_a_cause_is_read():
    """One answer, or several; the step with its runbook."""
    text = """
        causes:
          gone: {title: It is gone, when: {a: one, b: [two, three]}, shows: [c], step: "OutboxStalled, check 3"}
        groups: {all: [gone], any: [all]}
        alerts: {OutboxStalled: [all]}
    """
    (cause,) = parse(text).causes("OutboxStalled")
    assert cause == Cause(
        "gone",
        "It is gone",
        (("a", frozenset({"one"})), ("b", frozenset({"two", "three"}))),
        Step("OutboxStalled", "check", 3),
        ("c",),
    )


def test_a_step_needs_a_number():
    """An error, as for any other mistake."""
    text = "causes: {gone: {title: A, when: {a: b}, step: OutboxStalled}}\ngroups: {any: []}\nalerts: {}"
    with pytest.raises(ValueError, match="'OutboxStalled': expected the name of a runbook"):
        parse(text)
