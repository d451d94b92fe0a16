"""Prometheus exporter for a transactional outbox in PostgreSQL."""

# pyproject.toml takes it from here: reading it from the installed distribution would take a command 13 ms.
__version__ = "0.1.0"
