"""Telling people: Alertmanager, PagerDuty, a webhook."""
