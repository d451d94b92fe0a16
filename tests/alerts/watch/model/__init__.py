"""Tests of `alerts/watch/model/`, one file per module."""
