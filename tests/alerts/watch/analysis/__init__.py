"""Tests of `alerts/watch/analysis/`, one file per module."""
