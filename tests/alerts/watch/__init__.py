"""Tests of `alerts/watch/`, one file per module."""
