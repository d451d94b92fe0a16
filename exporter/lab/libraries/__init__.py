"""Outboxes of other libraries, each with its own tables, API and worker."""
