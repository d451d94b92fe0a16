"""Tests of the settings and of how they are read: files, environment, messages."""
