"""Showing: Grafana dashboards, made from the metric catalogue and the policy."""
