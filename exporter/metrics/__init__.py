"""Metrics: the catalogue, readings, the snapshot of the latest ones, and their exposition."""
