"""Tests of `exporter/lab/postgres/`, one file per module."""
