"""Tests of `dashboards/builder/`, one file per module."""
