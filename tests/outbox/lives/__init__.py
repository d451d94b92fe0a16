"""Real libraries, each with the life of an outbox."""
