"""Tests of `alerts/watch/commands/`, one file per module."""
