"""Tests of `alerts/watch/report/`, one file per module."""
