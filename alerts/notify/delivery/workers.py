"""The threads of notification: one delivery worker per receiver, and one persistence worker.

They are daemon threads: a hanging name resolution or disk does not delay the exit. No error ends them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext

from alerts.notify.delivery.outcome import Clocks, DeliveryOutcome, DeliveryResult, classify
from alerts.notify.delivery.queue import DeliveryQueue, Notification
from alerts.notify.delivery.store import Store
from alerts.notify.drill.drill import Drill
from alerts.notify.drill.records import DrillRecords
from alerts.notify.evidence import EvidenceStore
from alerts.notify.receivers.post import HttpResponse, Message, NoResponse, post
from exporter.core import secret_command
from exporter.core.abortable import AbortableConnections
from exporter.core.errors import SecretUnavailable
from exporter.core.file_lock import DirectoryInUse, FileLock
from exporter.core.logs import event

logger = logging.getLogger(__name__)

# The interval of retries after saving failed, seconds. A change of the incidents retries at once.
SAVE_RETRY_INTERVAL = 30.0


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Options of all receivers.

    `tls_context` verifies their certificates, as in `exporter.core.http_client`; `evidence` is added to alerts; `drill`
    confirms drills.
    """

    tls_context: SSLContext | None = None
    evidence: EvidenceStore | None = None
    drill: Drill | None = None


class Worker(threading.Thread):
    """A thread that works when it is woken or when work is due, until it is stopped."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._called = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Have it work now."""
        self._called.set()

    def stop(self) -> None:
        """Have it end soon; returns at once."""
        self._stopping.set()
        self._called.set()

    def wait(self, until: float) -> None:
        """Wait for its end, at most until this time of the monotonic clock, seconds."""
        if self.is_alive():
            self.join(max(0.0, until - time.monotonic()))

    def run(self) -> None:
        """Work and wait in turn."""
        while True:
            self._called.clear()
            if self._stopping.is_set():
                break
            self._called.wait(self.work())
        self.finish()

    def finish(self) -> None:
        """The work before the thread ends."""

    def work(self) -> float | None:
        """Do the work that is due; returns the seconds until more is due, None when it waits to be woken."""
        raise NotImplementedError


class DeliveryWorker(Worker):
    """Sends the notifications of one queue. `done` is called after each outcome."""

    def __init__(
        self,
        queue: DeliveryQueue,
        timeout: float,
        done: Callable[[], None],
        clock: Clocks,
        options: DeliveryOptions | None = None,
    ) -> None:
        super().__init__(f"notify-{queue.receiver.name}")
        self._options = options or DeliveryOptions()
        self._queue = queue
        self._timeout = timeout
        self._clock = clock
        self._done = done
        self._connections: AbortableConnections | None = None

    def abort(self) -> None:
        """Abort the request in flight; the notification is sent again after the next start."""
        secret_command.abort_running()
        connections = self._connections
        if connections is not None:
            connections.abort()

    def work(self) -> float | None:
        """Send one notification, if one is due."""
        notification = self._queue.notification(self._clock.wall(), self._clock.monotonic())
        if notification is not None:
            outcome = self._deliver(notification)
            self._queue.finished(outcome, self._clock.wall(), self._clock.monotonic())
            drill = self._options.drill
            if drill and outcome.result is DeliveryResult.DELIVERED:
                drill.delivered(self._queue.receiver, notification.updates, self._send)
            self._done()
        return self._queue.idle_for(self._clock.monotonic())

    def _deliver(self, notification: Notification) -> DeliveryOutcome:
        try:
            evidence, updates = self._options.evidence, notification.updates
            updates = evidence.annotate(updates) if evidence else updates
            message = self._queue.receiver.message(updates, notification.valid_until)
            return classify(self._send(message), self._clock.wall())
        except (NoResponse, SecretUnavailable) as error:
            return DeliveryOutcome(DeliveryResult.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - an internal error must not stop other notifications
            event(logger, logging.ERROR, "notification failed", receiver=self._queue.receiver.name, exc_info=error)
            return DeliveryOutcome(DeliveryResult.FAILED, f"internal error ({type(error).__name__})")

    def _send(self, message: Message) -> HttpResponse:
        """Raises: NoResponse."""
        self._connections = AbortableConnections()
        return post(message, self._timeout, self._connections, self._options.tls_context)


class PersistenceWorker(Worker):
    """Loads and saves the incidents of all queues and the drills, in files that no other exporter uses meanwhile.

    While another one holds the lock, incidents are neither loaded nor saved; they are sent all the same. `saved` is
    called after each attempt, whether it succeeded or not.
    """

    def __init__(
        self,
        files: Sequence[tuple[DeliveryQueue, Store]],
        lock: FileLock,
        saved: Callable[[], None],
        clock: Clocks,
        drills: DrillRecords | None = None,
    ) -> None:
        super().__init__("notify-persistence")
        self._drills = drills
        self._files = files
        self._lock = lock
        self._clock = clock
        self._saved = saved
        self._loaded = False

    def load(self) -> bool:
        """Load the saved incidents, once; False while another exporter uses the files.

        A file that cannot be read is logged and ignored.
        """
        try:
            self._lock.acquire()
        except DirectoryInUse as error:
            for queue, _ in self._files:
                queue.not_saved(str(error), self._clock.monotonic())
            return False
        for queue, store in () if self._loaded else self._files:
            _resume(queue, store)
        if self._drills and not self._loaded:
            _resume_drills(self._drills)
        self._loaded = True
        return True

    def work(self) -> float | None:
        """Save the incidents that are not saved."""
        all_saved = self.load()
        if not all_saved:
            self._saved()
            return SAVE_RETRY_INTERVAL
        for queue, store in self._files:
            all_saved = self.save(queue, store) and all_saved
        if self._drills:
            all_saved = _save_drills(self._drills) and all_saved
        return None if all_saved else SAVE_RETRY_INTERVAL

    def finish(self) -> None:
        """Save the last changes of the delivery workers, and let another exporter use the files."""
        self.work()
        self._lock.release()

    def save(self, queue: DeliveryQueue, store: Store) -> bool:
        """Save the incidents of one queue, if they changed. False when that failed."""
        incidents = queue.unsaved()
        if incidents is None:
            return True
        try:
            store.save(incidents)
        except OSError as error:
            queue.not_saved(f"{store.path} cannot be written: {error.strerror}", self._clock.monotonic())
            return False
        else:
            queue.saved(incidents)
            return True
        finally:
            self._saved()


def _resume(queue: DeliveryQueue, store: Store) -> None:
    try:
        queue.begin(store.load())
    except OSError as error:
        problem = f"{store.path} cannot be read: {error.strerror}"
        event(logger, logging.ERROR, "saved notifications not loaded", problem=problem)
    except ValueError as error:
        problem = f"{store.path} {error}"
        event(logger, logging.ERROR, "saved notifications not loaded", problem=problem)


def _resume_drills(drills: DrillRecords) -> None:
    try:
        drills.load()
    except (OSError, ValueError) as error:
        event(logger, logging.ERROR, "saved drills not loaded", problem=str(error))


def _save_drills(drills: DrillRecords) -> bool:
    """False when that failed: the status page has the reason for the incidents' files, which are beside it."""
    try:
        drills.save()
    except OSError:
        return False
    return True
