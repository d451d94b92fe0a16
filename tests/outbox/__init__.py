"""Any outbox."""
