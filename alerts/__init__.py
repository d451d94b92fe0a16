"""Alerting: the policy, its evaluation, notifications, and the watch after the migration."""
