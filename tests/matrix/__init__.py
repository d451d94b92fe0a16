"""The fault matrix: worlds in which things go wrong, and a real Prometheus, Alertmanager and pager that hear of it."""
