"""The notifier: the configured receivers with their queues and threads, and the readings of their delivery."""

import time
from collections.abc import Sequence
from pathlib import Path
from ssl import SSLContext

from alerts.model import Evaluation, Severity
from alerts.notify.delivery.outcome import Clocks, RetryTiming
from alerts.notify.delivery.queue import DeliveryQueue, ReceiverStatus
from alerts.notify.delivery.store import Store
from alerts.notify.delivery.workers import DeliveryOptions, DeliveryWorker, PersistenceWorker
from alerts.notify.drill.drill import Drill
from alerts.notify.drill.status import DrillStatus
from alerts.notify.evidence import EvidenceStore
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.config.settings import AlertingSettings
from exporter.core.file_lock import FileLock
from exporter.core.http_client import tls_context
from exporter.metrics.catalogue import ALERT_DELAY, NOTIFICATIONS, NOTIFICATIONS_WAITING
from exporter.metrics.readings import Reading

LOCK = "notifications.lock"
# How long a request in flight may take when the notifier stops, seconds. A longer one is sent again after the start.
STOP_TIMEOUT = 1.0


class Notifier:
    """Sends alerts to all receivers. Without receivers it does nothing.

    All methods may be called by any thread; `start` and `stop` once each, in this order.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        directory: Path,
        timing: RetryTiming | None = None,
        clock: Clocks | None = None,
        options: DeliveryOptions | None = None,
    ) -> None:
        options = options or DeliveryOptions()
        self._drill, self._evidence = options.drill, options.evidence
        timing, self._clock = timing or RetryTiming(), clock or Clocks()
        self._queues = tuple(DeliveryQueue(receiver, timing) for receiver in receivers)
        stores = (Store(directory, each.name, each.identity) for each in receivers)
        self._files = tuple(zip(self._queues, stores, strict=True))
        self._persistence_worker = PersistenceWorker(
            self._files,
            FileLock(directory / LOCK),
            self._wake_workers,
            self._clock,
            self._drill.records if self._drill else None,
        )
        self._workers = tuple(
            DeliveryWorker(each, timing.timeout, self._persistence_worker.wake, self._clock, options)
            for each in self._queues
        )

    def start(self) -> None:
        """Load the saved incidents, unless another exporter uses the directory, and start the threads."""
        if self._workers:
            self._persistence_worker.load()
        for worker in (self._persistence_worker, *self._workers) if self._workers else ():
            worker.start()

    def stop(self) -> None:
        """End within about two seconds. Updates that were not accepted are saved for the next start."""
        deadline = time.monotonic() + STOP_TIMEOUT
        if self._evidence is not None:
            self._evidence.close()
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.wait(deadline)
            worker.abort()
        for worker in self._workers:
            worker.wait(deadline + STOP_TIMEOUT / 4)
        self._persistence_worker.stop()
        self._persistence_worker.wait(deadline + STOP_TIMEOUT)

    @property
    def has_receivers(self) -> bool:
        """Whether any receiver is configured."""
        return bool(self._queues)

    def accept(self, evaluation: Evaluation) -> None:
        """Queue the alerts of an evaluation; returns at once, whatever the receivers do."""
        for queue in self._queues:
            queue.accept(evaluation, self._clock.monotonic())
        if any(queue.unsaved() is not None for queue in self._queues):
            self._persistence_worker.wake()
        self._wake_workers()

    def receiver_statuses(self) -> tuple[ReceiverStatus, ...]:
        """The status of each receiver, for the status page."""
        return tuple(queue.receiver_status() for queue in self._queues)

    def drill_status(self) -> DrillStatus | None:
        """The status of the drill; None when none is scheduled."""
        return self._drill.status() if self._drill else None

    def readings(self) -> tuple[Reading, ...]:
        """The same for /metrics. Shape: every receiver with every result, from the start."""
        receiver_statuses = self.receiver_statuses()
        waiting = (Reading(NOTIFICATIONS_WAITING, each.waiting, (each.receiver,)) for each in receiver_statuses)
        counts = (
            Reading(NOTIFICATIONS, count, (each.receiver, result.value))
            for each in receiver_statuses
            for result, count in each.counts.items()
        )
        delays = (
            Reading(ALERT_DELAY, each.alert_delay, (each.receiver,))
            for each in receiver_statuses
            if each.alert_delay is not None
        )
        return (*waiting, *counts, *delays, *(self._drill.readings() if self._drill else ()))

    def _wake_workers(self) -> None:
        for worker in self._workers:
            worker.wake()


def create_notifier(
    settings: AlertingSettings,
    directory: Path,
    page: str = "",
    timing: RetryTiming | None = None,
    evidence: EvidenceStore | None = None,
) -> Notifier:
    """The notifier of a configuration; it does nothing until it is started.

    `page` is the URL of the status page, empty when it is unknown. `evidence` is added to notifications.
    """
    configured = receivers(settings, page)
    drill = Drill(settings.drill, Severity(settings.drill_severity), configured, directory) if settings.drill else None
    options = DeliveryOptions(receivers_tls_context(settings), evidence, drill)
    return Notifier(configured, directory, timing, options=options)


def receivers_tls_context(settings: AlertingSettings) -> SSLContext | None:
    """The TLS context that verifies the receivers' certificates; None when none uses TLS."""
    always = (*settings.alertmanager_url, settings.webhook_url or "")
    urls = (*always, settings.pagerduty_url) if settings.pagerduty_routing_key else always
    return tls_context(urls, settings.ca_file)


def receivers(settings: AlertingSettings, page: str = "") -> tuple[Receiver, ...]:
    """The configured receivers; several Alertmanagers are numbered in the order of the configuration."""
    urls = settings.alertmanager_url
    names = ["alertmanager"] if len(urls) == 1 else [f"alertmanager-{number}" for number in range(1, len(urls) + 1)]
    token = settings.alertmanager_bearer_token
    found: list[Receiver] = [Alertmanager(name, url, token, page) for name, url in zip(names, urls, strict=True)]
    if settings.pagerduty_routing_key is not None:
        found.append(PagerDuty(settings.pagerduty_routing_key, settings.pagerduty_url, page))
    if settings.webhook_url is not None:
        found.append(Webhook(settings.webhook_url, settings.webhook_bearer_token, page))
    return tuple(found)
