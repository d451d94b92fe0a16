"""A reading that would spoil a scrape cannot be made."""

import math

import pytest

from exporter.core.errors import Reason
from exporter.metrics import catalogue
from exporter.metrics.readings import (
    CollectorFailure,
    CollectorOutcome,
    CollectorRun,
    DatabaseServer,
    Distribution,
    Reading,
)


@pytest.mark.parametrize("labels", [(), ("waiting", "more")])
def test_reading_has_a_value_for_each_label(labels):
    with pytest.raises(ValueError, match="expected labels"):
        Reading(catalogue.PENDING_JOBS, 1, labels)


def test_label_value_is_a_text():
    with pytest.raises(TypeError, match="a label value is a text"):
        Reading(catalogue.PENDING_JOBS, 1, (None,))  # type: ignore[arg-type]


def test_unknown_is_no_reading():
    """NaN is refused, infinity is a value."""
    with pytest.raises(ValueError, match="unknown is not a number"):
        Reading(catalogue.PENDING_JOBS, math.nan, ("waiting",))
    assert Reading(catalogue.PENDING_JOBS, math.inf, ("waiting",)).value == math.inf


def test_labels_can_be_encoded():
    """A lone surrogate becomes a question mark; other texts stay as they are."""
    assert Reading(catalogue.QUEUE_PENDING_JOBS, 1, ("a\ud800",)).labels == ("a?",)
    assert Reading(catalogue.QUEUE_PENDING_JOBS, 1, ("schlüssel",)).labels == ("schlüssel",)


@pytest.mark.parametrize("counts", [(1, 2), (1, 2, 3, 4)])
def test_distribution_has_one_count_more_than_bounds(counts):
    """The last is for everything above the last bound."""
    with pytest.raises(ValueError, match="not a histogram, or counts do not fit bounds"):
        Distribution(catalogue.PROCESSING_TIME, (1.0, 2.0), counts, 0.0)


def test_distribution_is_of_a_histogram():
    with pytest.raises(ValueError, match="not a histogram"):
        Distribution(catalogue.PROCESSED_JOBS, (1.0,), (1, 2), 0.0)


def test_cost_of_a_run_leaves_out_the_network():
    """Seconds for which the target was busy; a run with a failure did not succeed."""
    outcome = CollectorOutcome(network_time=0.25)
    run = CollectorRun("backlog", outcome, 1e9, 10.0, 1.0)
    assert (run.cost, run.succeeded) == (0.75, True)
    failed = CollectorOutcome(failures=(CollectorFailure(Reason.LOCK, "locked"),))
    assert not CollectorRun("backlog", failed, 1e9, 10.0, 1.0).succeeded


def test_server_is_described_by_role_and_address():
    """A server on a Unix socket has no address."""
    assert str(DatabaseServer(in_recovery=True, address="10.0.0.1:5432")) == "standby 10.0.0.1:5432"
    assert str(DatabaseServer(in_recovery=False)) == "primary on a local socket"
