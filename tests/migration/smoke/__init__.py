"""Tests of `exporter/migration/smoke/`, one file per module."""
