"""Tests of `alerts/evaluation/`, one file per module."""
