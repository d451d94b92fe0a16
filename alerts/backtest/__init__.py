"""Evaluates a policy over the samples of the exporter's own history."""
