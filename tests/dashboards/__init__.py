"""Tests of the generated dashboards: metrics, thresholds, layout, queries."""
