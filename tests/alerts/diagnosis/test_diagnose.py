"""The walk along the causes of an alert."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import pytest

from alerts.diagnosis import diagnose as walk
from alerts.diagnosis.diagnose import diagnose, question
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.questions import application
from alerts.diagnosis.sources import Limits
from alerts.diagnosis.tree import Tree, parse
from exporter.config.settings import Config, OutboxSettings
from exporter.core import logs
from tests.alerts.diagnosis.sources_of import sources

TREE = """
causes:
  first: {title: First, when: {a: "on"}, step: "OutboxStalled, mitigation 1"}
  second: {title: Second, when: {b: "on", c: ["on", "half"]}, shows: [d], step: "OutboxStalled, mitigation 1"}
  third: {title: Third, when: {b: "on"}, step: "OutboxStalled, check 3"}
groups: {any: [first, second, third]}
alerts: {}
"""


class Answer(StrEnum):
    ON = "on"
    HALF = "half"
    OFF = "off"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Answer | None]:
    """The answers to the questions a, b, c, d; OFF by default. None: unknown."""
    given: dict[str, Answer | None] = {}
    monkeypatch.setattr(walk, "question", lambda name: lambda _: Evidence(given.get(name, Answer.OFF), f"{name} is"))
    return given


def tree() -> Tree:
    return parse(TREE)


def test_the_first_cause_that_holds(answers):
    """What comes after it is not asked, except what it shows."""
    answers |= {"b": Answer.ON, "c": Answer.HALF}
    found = diagnose(sources(), tree())
    assert found.cause is not None
    assert found.cause.name == "second"
    assert [name for name, _ in found.evidence] == ["a", "b", "c", "d"]
    assert found.actions.startswith("Restart the application")


def test_the_step_of_another_outbox(answers, monkeypatch):
    """Begins with how to read it; where jobs fail, with what the default tables' processor would do by itself."""
    config = replace(Config(), outbox=OutboxSettings(profile="pg-boss"))
    answers["a"] = Answer.ON
    read, text = diagnose(sources(config=config), tree()).actions.split("\n", 1)
    assert read.startswith(
        "Written for the default tables: read job, with its own columns, for job_outbox; the worker, and"
    )
    assert "Redis and pg_cron's jobs do not belong to this outbox" in read
    assert text == diagnose(sources(), tree()).actions
    failing = parse(TREE.replace("{a:", "{failing:"))
    monkeypatch.setattr(walk, "question", lambda _: lambda _: Evidence(Answer.ON, "some fail"))
    retry, same, _ = diagnose(sources(config=config), failing).actions.split("\n", 2)
    assert retry.startswith("An exhausted job of this outbox is not attempted again")
    assert same == read


def test_the_cause_of_another_outbox(answers):
    """Jobs are taken by its worker."""
    answers["a"] = Answer.ON
    causes = parse(TREE.replace("title: First", "title: The processor hangs"))
    config = replace(Config(), outbox=OutboxSettings(profile="pg-boss"))
    titles = [found.title for each in (sources(config=config), sources()) if (found := diagnose(each, causes).cause)]
    assert titles == ["The worker hangs", "The processor hangs"]


def test_no_condition_is_asked_after_one_that_fails(answers):
    """And no question twice."""
    answers |= {"a": Answer.OFF, "b": Answer.OFF}
    found = diagnose(sources(), tree())
    assert found.cause is None
    assert [name for name, _ in found.evidence] == ["a", "b"]


def test_an_unknown_condition_does_not_hold(answers):
    """A later cause may."""
    answers |= {"a": None, "b": Answer.ON, "c": None}
    found = diagnose(sources(), tree())
    assert found.cause is not None
    assert found.cause.name == "third"
    assert [name for name, _ in found.unknown] == ["a", "c"]


def test_without_time_nothing_is_asked(answers):
    """The answers are unknown, and say why."""
    answers |= {"a": Answer.ON}
    found = diagnose(sources(limits=Limits(total=-1.0)), tree())
    assert found.cause is None
    assert {each.text for _, each in found.unknown} == {"no time was left to ask"}


def test_a_bug_in_a_question_is_an_unknown_answer(monkeypatch):
    """The error is logged, and the others are asked."""

    def broken(_: object) -> Evidence:
        raise ZeroDivisionError

    monkeypatch.setattr(walk, "question", lambda name: broken if name == "a" else lambda _: Evidence(Answer.ON, "on"))
    found = diagnose(sources(), tree())
    assert found.cause is not None
    assert found.cause.name == "second"
    assert found.unknown[0][1].text == "internal error (ZeroDivisionError); the log has more"


def test_secrets_are_hidden(monkeypatch):
    """In whatever a library says."""
    logs.configure(["hunter22"])
    monkeypatch.setattr(walk, "question", lambda _: lambda _: Evidence(Answer.OFF, "refused hunter22"))
    ((_, evidence), *_rest) = diagnose(sources(), tree()).evidence
    assert "hunter22" not in evidence.text


def test_a_question_is_a_module():
    """It is imported when it is asked."""
    assert question("application") is application.ask
