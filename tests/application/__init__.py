"""Tests of the readings of the application, mirroring exporter/application."""
