"""Prometheus exporter for a transactional outbox in PostgreSQL."""
