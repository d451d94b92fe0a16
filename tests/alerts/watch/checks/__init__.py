"""Tests of `alerts/watch/checks/`, one file per module."""
