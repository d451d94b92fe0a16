"""Tests of the migration guide as code."""
