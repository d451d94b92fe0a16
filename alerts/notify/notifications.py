"""Notifications as a whole: whom to tell by the configuration, threads that do it, and what is to be seen of it."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from ssl import SSLContext

from alerts.model import Evaluation
from alerts.notify.alertmanager import Alertmanager
from alerts.notify.courier import Courier, Standing
from alerts.notify.pace import Clock, Pace
from alerts.notify.pagerduty import PagerDuty
from alerts.notify.receivers import Receiver
from alerts.notify.store import Store
from alerts.notify.threads import Carrier, Scribe
from alerts.notify.webhook import Webhook
from exporter.config import AlertingSettings
from exporter.logs import event
from exporter.model import Reading
from exporter.names import NOTIFICATIONS, NOTIFICATIONS_WAITING
from exporter.outgoing import trust

logger = logging.getLogger(__name__)

# Who is being told when we stop may finish within this time, seconds; after that it is told again after the start.
GRACE = 1.0


class Notifications:
    """Tells every receiver what concerns it. Without receivers it does nothing.

    `accept` and the rest may be called by any thread; start and stop once each, in this order.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        directory: Path,
        pace: Pace | None = None,
        clock: Clock | None = None,
        trust: SSLContext | None = None,
    ) -> None:
        pace, self._clock = pace or Pace(), clock or Clock()
        self._couriers = tuple(Courier(receiver, pace) for receiver in receivers)
        stores = (Store(directory, each.name, each.identity) for each in receivers)
        self._files = tuple(zip(self._couriers, stores, strict=True))
        self._scribe = Scribe(self._files, self._call_carriers, self._clock)
        self._carriers = tuple(
            Carrier(each, pace.timeout, self._scribe.call, self._clock, trust) for each in self._couriers
        )

    def start(self) -> None:
        """Read what was kept, and go on telling it. A file that cannot be read is left out and logged."""
        for courier, store in self._files:
            _resume(courier, store)
        for worker in (self._scribe, *self._carriers) if self._carriers else ():
            worker.start()

    def stop(self) -> None:
        """End within about two seconds; what was not told is kept for the next start."""
        deadline = time.monotonic() + GRACE
        for carrier in self._carriers:
            carrier.stop()
        for carrier in self._carriers:
            carrier.wait(deadline)
            carrier.cut()
        for carrier in self._carriers:
            carrier.wait(deadline + GRACE / 4)
        self._scribe.stop()
        self._scribe.wait(deadline + GRACE)

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is told."""
        return bool(self._couriers)

    def accept(self, evaluation: Evaluation) -> None:
        """Take note of an evaluation; returns at once, whatever the receivers do."""
        for courier in self._couriers:
            courier.accept(evaluation, self._clock.tick())
        self._scribe.call()
        self._call_carriers()

    def standings(self) -> tuple[Standing, ...]:
        """How it stands with each receiver, for the status page."""
        return tuple(courier.standing() for courier in self._couriers)

    def readings(self) -> tuple[Reading, ...]:
        """The same for /metrics. Shape: every receiver with every result, from the beginning."""
        standings = self.standings()
        waiting = (Reading(NOTIFICATIONS_WAITING, each.waiting, (each.receiver,)) for each in standings)
        counts = (
            Reading(NOTIFICATIONS, count, (each.receiver, result.value))
            for each in standings
            for result, count in each.counts.items()
        )
        return (*waiting, *counts)

    def _call_carriers(self) -> None:
        for carrier in self._carriers:
            carrier.call()


def notifications(
    settings: AlertingSettings, directory: Path, page: str = "", pace: Pace | None = None
) -> Notifications:
    """Whom the configuration wants to be told. Touches nothing until it is started.

    `page` is the address at which people find the status page, empty when nobody knows it.
    """
    return Notifications(receivers(settings, page), directory, pace, trust=authorities(settings))


def authorities(settings: AlertingSettings) -> SSLContext | None:
    """Whom to believe at the receivers' addresses, as `exporter.outgoing.trust` says it."""
    told = (*settings.alertmanager_url, settings.webhook_url or "")
    urls = (*told, settings.pagerduty_url) if settings.pagerduty_routing_key else told
    return trust(urls, settings.ca_file)


def receivers(settings: AlertingSettings, page: str = "") -> tuple[Receiver, ...]:
    """Those that are configured; several Alertmanagers are numbered in the order in which they are listed."""
    urls = settings.alertmanager_url
    names = ["alertmanager"] if len(urls) == 1 else [f"alertmanager-{number}" for number in range(1, len(urls) + 1)]
    token = settings.alertmanager_bearer_token
    found: list[Receiver] = [Alertmanager(name, url, token, page) for name, url in zip(names, urls, strict=True)]
    if settings.pagerduty_routing_key is not None:
        found.append(PagerDuty(settings.pagerduty_routing_key, settings.pagerduty_url, page))
    if settings.webhook_url is not None:
        found.append(Webhook(settings.webhook_url, settings.webhook_bearer_token, page))
    return tuple(found)


def _resume(courier: Courier, store: Store) -> None:
    try:
        courier.begin(store.load())
    except OSError as error:
        problem = f"{store.path} cannot be read: {error.strerror}"
        event(logger, logging.ERROR, "notifications of the last run not read", problem=problem)
    except ValueError as error:
        problem = f"{store.path} {error}"
        event(logger, logging.ERROR, "notifications of the last run not read", problem=problem)
