"""Evidence and its order."""

from __future__ import annotations

from enum import StrEnum

from alerts.diagnosis.model import Cause, Diagnosis, Evidence, Step


class Answer(StrEnum):
    YES = "yes"


def test_evidence_of_the_cause_comes_first():
    """Then the other evidence as it was gathered; what is unknown is apart."""
    step = Step("OutboxStalled", "mitigation", 1)
    cause = Cause("processor-hangs", "It hangs", (("progress", frozenset({"yes"})),), step)
    evidence = (
        ("connection", Evidence(Answer.YES, "it answers")),
        ("processor", Evidence(None, "no application is configured")),
        ("progress", Evidence(Answer.YES, "none processed")),
    )
    found = Diagnosis("OutboxStalled", 1.0, None, cause, evidence)
    assert [name for name, _ in found.known] == ["progress", "connection"]
    assert [name for name, _ in found.unknown] == ["processor"]
    assert str(step) == "OutboxStalled, mitigation 1"
