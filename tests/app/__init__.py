"""Tests of the running exporter: start, reload, stop, status."""
