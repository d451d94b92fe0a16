"""Tests of `alerts/promql/`, one file per module."""
