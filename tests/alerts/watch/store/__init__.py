"""Tests of `alerts/watch/store/`, one file per module."""
