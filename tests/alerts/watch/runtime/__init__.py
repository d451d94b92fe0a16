"""Tests of `alerts/watch/runtime/`, one file per module."""
