"""The diagnosis of an alert: evidence, gathered read-only, and the branch of its runbook to which it leads."""
