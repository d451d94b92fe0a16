"""Notification: sends alerts to Alertmanager, PagerDuty and a webhook, in threads of its own and across restarts.

`message` has the incidents and updates of a receiver, `receivers` the formats and the HTTP client, `delivery` the queue
with retries, workers and files, `notifier` joins them. An error of a receiver, a network or a disk never reaches the
rule manager.
"""
