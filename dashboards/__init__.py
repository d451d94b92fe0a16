"""Grafana dashboards, and the builder that makes them from the metric catalogue and the policy."""
