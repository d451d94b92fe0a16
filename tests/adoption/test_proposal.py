"""When a proposal is complete."""

from __future__ import annotations

from exporter.adoption.proposal import Proposal
from exporter.outbox.mapping import OutboxMapping
from tests.adoption.relations import table

JOBS = table("jobs", "id:int!")


def test_it_is_complete_with_a_mapping_and_nothing_to_decide():
    """Whatever is assumed."""
    mapping = OutboxMapping("jobs", id=("id",))
    assert Proposal(JOBS, "", mapping, assumed=("a",)).is_complete
    assert not Proposal(JOBS, "", mapping, undecided=("a",)).is_complete
    assert not Proposal(JOBS, "", None).is_complete
