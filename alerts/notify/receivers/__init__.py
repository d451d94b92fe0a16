"""One module per kind of receiver: Alertmanager, PagerDuty, webhook."""
