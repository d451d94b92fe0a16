"""Tests of what several packages use: errors, logging, redaction, files."""
