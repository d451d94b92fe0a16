"""Tests of `exporter/migration/verify/`, one file per module."""
