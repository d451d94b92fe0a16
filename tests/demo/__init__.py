"""The demo's own tests; the running demo is in tests/end_to_end."""
