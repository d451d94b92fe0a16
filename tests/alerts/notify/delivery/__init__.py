"""Tests of `alerts/notify/delivery/`, one file per module."""
