"""Tests of `exporter/web/config/`, one file per module."""
