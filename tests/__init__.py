"""Tests, mirroring the modules they test."""
