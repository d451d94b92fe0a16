"""The builder of the Grafana dashboards."""
