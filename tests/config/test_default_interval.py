"""Counts of sampling intervals, in seconds at the default interval.

A change of the default fails here for each count that has to change with it.
"""

from __future__ import annotations

from alerts.policy.load import load_policy
from exporter.collectors.application import UNBATCHED_SAMPLES
from exporter.config.settings import SamplingSettings
from exporter.metrics.snapshot import EXPIRY_INTERVALS
from exporter.sampling.collector_set import MIGRATION_INTERVALS

DEFAULT = SamplingSettings().interval


def test_the_default_interval():
    """15 seconds, like the evaluation interval of the rules and the documented scrape interval."""
    assert DEFAULT == 15.0
    assert load_policy().interval == 15.0


def test_the_migration_is_sampled_every_five_minutes():
    """As documented in docs/watch.md."""
    assert MIGRATION_INTERVALS * DEFAULT == 300


def test_batches_are_tried_again_after_an_hour():
    """After batches have turned out to be the worse way."""
    assert UNBATCHED_SAMPLES * DEFAULT == 3600


def test_a_sample_expires_after_three_quarters_of_a_minute():
    """Three intervals, as in the help of the freshness metrics."""
    assert EXPIRY_INTERVALS * DEFAULT == 45
