"""Tests of `alerts/notify/message/`, one file per module."""
