"""Scenarios for every alert rule, run by promtool and vmalert, and mutations of the rules."""
