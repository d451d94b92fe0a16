"""Tests of `exporter/lab/application/`, one file per module."""
