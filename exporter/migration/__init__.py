"""The migration guide as code: verify, smoke, rollback-check, maintenance."""
