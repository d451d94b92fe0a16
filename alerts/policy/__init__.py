"""The policy: signals and alert rules, read, checked, and written out for Prometheus."""
