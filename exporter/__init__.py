"""Watches a transactional outbox in PostgreSQL and tells Prometheus the truth about it."""
