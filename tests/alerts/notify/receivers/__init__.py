"""Tests of `alerts/notify/receivers/`, one file per module."""
