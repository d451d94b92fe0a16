"""Tests of `alerts/notify/`, one file per module."""
