"""Tests of the diagnosis of alerts."""
