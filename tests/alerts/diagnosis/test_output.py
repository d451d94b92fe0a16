"""A diagnosis as text, as JSON and as a sentence."""

from __future__ import annotations

import json
from enum import StrEnum

import pytest

from alerts.diagnosis.model import Cause, Diagnosis, Evidence, Step
from alerts.diagnosis.output import as_json, as_text, exit_status, sentence

NOON = 1_700_481_600.0
CAUSE = Cause(
    "table-locked",
    "Another session locks a table of the outbox",
    (("locks", frozenset({"held"})),),
    Step("OutboxSamplesStale", "mitigation", 2),
)


class Answer(StrEnum):
    HELD = "held"


EVIDENCE = (
    ("connection", Evidence(Answer.HELD, "primary db:5432 answers")),
    ("locks", Evidence(Answer.HELD, "session 7 locks job_outbox exclusively", "GRANT more")),
    ("keys_clean_up", Evidence(None, "not visible")),
)


def found(
    cause: Cause | None = CAUSE,
    evidence: tuple[tuple[str, Evidence], ...] = EVIDENCE,
    since: float | None = None,
    actions: str = "End it:\n    SELECT 1",
) -> Diagnosis:
    return Diagnosis("OutboxStalled", NOON, since, cause, evidence, actions if cause else "")


def test_the_text():
    """The cause first, then the evidence for it, then what to do."""
    assert as_text(found(since=NOON - 600)) == (
        "OutboxStalled: Another session locks a table of the outbox\n"
        "branch table-locked, firing since 2023-11-20 11:50 UTC, checked 2023-11-20 12:00:00 UTC\n"
        "\n"
        "Evidence\n"
        "  locks: session 7 locks job_outbox exclusively\n"
        "    fix: GRANT more\n"
        "  connection: primary db:5432 answers\n"
        "\n"
        "Not known\n"
        "  keys clean up: not visible\n"
        "\n"
        "Do (OutboxSamplesStale, mitigation 2)\n"
        "  End it:\n"
        "      SELECT 1\n"
        "The whole runbook: outbox-exporter files show runbooks/OutboxSamplesStale.md\n"
    )


@pytest.mark.parametrize(("pieces", "steps"), [(3, 60), (60, 3), (60, 60)])
def test_the_text_fits_a_screen(pieces, steps):
    """Whatever there is: the first evidence, the first steps and the last line are there."""
    evidence = tuple((f"question_{number}", Evidence(Answer.HELD, "x " * 100)) for number in range(pieces))
    lines = as_text(found(evidence=evidence, actions="\n".join("do" for _ in range(steps)))).splitlines()
    assert len(lines) <= 25
    assert any("question 0" in line for line in lines)
    assert "  do" in lines
    assert lines[-1].startswith("The whole runbook: ")
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(
    ("diagnosis", "status", "summary"),
    [
        (found(), 1, "Another session locks a table of the outbox"),
        (found(None, EVIDENCE[:2]), 0, "nothing wrong was found"),
        (found(None, EVIDENCE[:2], NOON), 3, "the alert's condition holds, and no cause was found"),
        (found(None), 3, "no cause was found, and not everything could be checked"),
    ],
)
def test_status_and_summary(diagnosis, status, summary):
    """An alert that fires is never explained by nothing."""
    assert exit_status(diagnosis) == status
    assert as_text(diagnosis).startswith(f"OutboxStalled: {summary}\n")
    document = json.loads(as_json(diagnosis))
    assert (document["summary"], document["answer"]) == (summary, {0: "nothing", 1: "cause", 3: "unknown"}[status])


def test_the_document():
    """Every key, with null for what there is none of."""
    assert json.loads(as_json(found(evidence=EVIDENCE[1:]))) == {
        "alert": "OutboxStalled",
        "at": NOON,
        "firing_since": None,
        "answer": "cause",
        "cause": "table-locked",
        "summary": "Another session locks a table of the outbox",
        "step": {
            "runbook": "OutboxSamplesStale",
            "kind": "mitigation",
            "number": 2,
            "text": "End it:\n    SELECT 1",
        },
        "library": None,
        "evidence": [
            {
                "question": "locks",
                "answer": "held",
                "text": "session 7 locks job_outbox exclusively",
                "remedy": "GRANT more",
            },
            {"question": "keys_clean_up", "answer": None, "text": "not visible", "remedy": None},
        ],
    }
    without = json.loads(as_json(found(None)))
    assert (without["cause"], without["step"]) == (None, None)


def test_the_sentence_of_a_notification():
    """The cause and the evidence for it; nothing without a cause; 400 characters at most."""
    assert sentence(found()) == (
        "Another session locks a table of the outbox: session 7 locks job_outbox exclusively "
        "(runbook OutboxSamplesStale, mitigation 2)"
    )
    assert sentence(found(None)) == ""
    long = sentence(found(evidence=(("locks", Evidence(Answer.HELD, "x" * 1000)),)))
    assert len(long) == 400
    assert long.endswith("x…")
