"""Tests of `exporter/lab/workload/`, one file per module."""
