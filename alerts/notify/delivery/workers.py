"""Who works on notifications: a carrier for each receiver, which waits for its answers, and one scribe, which saves.

They are daemons: what is stuck in a resolver or on a disk delays no exit. Nothing that goes wrong ends them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from ssl import SSLContext

from alerts.notify.delivery.outcome import DeliveryOutcome, DeliveryResult, classify
from alerts.notify.delivery.queue import DeliveryQueue, Notification
from alerts.notify.delivery.retry import Clocks
from alerts.notify.delivery.store import Store
from alerts.notify.receivers.post import NoResponse, post
from exporter.core.abortable import AbortableConnections
from exporter.core.logs import event

logger = logging.getLogger(__name__)

# Saving is tried again this often, seconds, when it has failed; a change tries it at once.
SAVE_RETRY_INTERVAL = 30.0


class Worker(threading.Thread):
    """A thread that works when it is told to or when it is time, until it is stopped."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._called = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """There is something to do."""
        self._called.set()

    def stop(self) -> None:
        """End soon; returns at once."""
        self._stopping.set()
        self._called.set()

    def wait(self, until: float) -> None:
        """Wait for its end, until that moment of the monotonic clock at most."""
        if self.is_alive():
            self.join(max(0.0, until - time.monotonic()))

    def run(self) -> None:
        """Work, wait, and again."""
        while True:
            self._called.clear()
            if self._stopping.is_set():
                break
            self._called.wait(self.work())
        self.finish()

    def finish(self) -> None:
        """What to do at last."""

    def work(self) -> float | None:
        """Do what there is to do; the answer is the seconds until there is more, None when nobody knows."""
        raise NotImplementedError


class DeliveryWorker(Worker):
    """Brings one receiver what its courier has for it. `done` is called after each answer.

    `trust` is whom to believe about who a receiver is, as in `exporter.core.http_client`.
    """

    def __init__(
        self,
        courier: DeliveryQueue,
        timeout: float,
        done: Callable[[], None],
        clock: Clocks,
        tls_context: SSLContext | None = None,
    ) -> None:
        super().__init__(f"notify-{courier.receiver.name}")
        self._tls_context = tls_context
        self._queue = courier
        self._timeout = timeout
        self._clock = clock
        self._done = done
        self._connections: AbortableConnections | None = None

    def abort(self) -> None:
        """Give up on what is on its way; it will be sent again some day."""
        connections = self._connections
        if connections is not None:
            connections.abort()

    def work(self) -> float | None:
        """One parcel at most."""
        notification = self._queue.notification(self._clock.wall(), self._clock.monotonic())
        if notification is not None:
            outcome = self._deliver(notification)
            self._queue.finished(outcome, self._clock.wall(), self._clock.monotonic())
            self._done()
        return self._queue.idle_for(self._clock.monotonic())

    def _deliver(self, notification: Notification) -> DeliveryOutcome:
        self._connections = AbortableConnections()
        try:
            message = self._queue.receiver.message(notification.steps, notification.valid_until)
            return classify(post(message, self._timeout, self._connections, self._tls_context), self._clock.wall())
        except NoResponse as error:
            return DeliveryOutcome(DeliveryResult.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a bug must not silence the pager, nor lose what waits behind it
            event(logger, logging.ERROR, "notification failed", receiver=self._queue.receiver.name, exc_info=error)
            return DeliveryOutcome(DeliveryResult.FAILED, f"internal error ({type(error).__name__})")


class PersistenceWorker(Worker):
    """Keeps on disk what changes; `saved` is called after each time, whether it could or not."""

    def __init__(self, files: Sequence[tuple[DeliveryQueue, Store]], saved: Callable[[], None], clock: Clocks) -> None:
        super().__init__("notify-scribe")
        self._files = files
        self._clock = clock
        self._saved = saved

    def work(self) -> float | None:
        """Save what is not saved."""
        all_saved = True
        for courier, store in self._files:
            all_saved = self.save(courier, store) and all_saved
        return None if all_saved else SAVE_RETRY_INTERVAL

    def finish(self) -> None:
        """Save what the carriers did at last."""
        self.work()

    def save(self, courier: DeliveryQueue, store: Store) -> bool:
        """Save what one receiver is to hear, if that has changed. True unless it could not be saved."""
        episodes = courier.unsaved()
        if episodes is None:
            return True
        try:
            store.save(episodes)
        except OSError as error:
            courier.not_saved(f"{store.path} cannot be written: {error.strerror}", self._clock.monotonic())
            return False
        else:
            courier.saved(episodes)
            return True
        finally:
            self._saved()
