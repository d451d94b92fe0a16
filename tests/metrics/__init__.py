"""Tests of the metric catalogue, the snapshot and the exposition format."""
