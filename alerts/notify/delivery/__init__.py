"""The delivery of notifications: queue, retries, workers, state on disk."""
