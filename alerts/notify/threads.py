"""Who works on notifications: a carrier for each receiver, which waits for its answers, and one scribe, which saves.

They are daemons: what is stuck in a resolver or on a disk delays no exit. Nothing that goes wrong ends them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from ssl import SSLContext

from alerts.notify.courier import Courier, Parcel
from alerts.notify.outcome import Outcome, Result, judged
from alerts.notify.pace import Clock
from alerts.notify.post import NoAnswer, post
from alerts.notify.store import Store
from exporter.logs import event
from exporter.wire import Wire

logger = logging.getLogger(__name__)

# Saving is tried again this often, seconds, when it has failed; a change tries it at once.
SAVE_AGAIN = 30.0


class Worker(threading.Thread):
    """A thread that works when it is told to or when it is time, until it is stopped."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._called = threading.Event()
        self._stopping = threading.Event()

    def call(self) -> None:
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


class Carrier(Worker):
    """Brings one receiver what its courier has for it. `done` is called after each answer.

    `trust` is whom to believe about who a receiver is, as in `exporter.outgoing`.
    """

    def __init__(
        self,
        courier: Courier,
        timeout: float,
        done: Callable[[], None],
        clock: Clock,
        trust: SSLContext | None = None,
    ) -> None:
        super().__init__(f"notify-{courier.receiver.name}")
        self._trust = trust
        self._courier = courier
        self._timeout = timeout
        self._clock = clock
        self._done = done
        self._wire: Wire | None = None

    def cut(self) -> None:
        """Give up on what is on its way; it will be sent again some day."""
        wire = self._wire
        if wire is not None:
            wire.cut()

    def work(self) -> float | None:
        """One parcel at most."""
        parcel = self._courier.parcel(self._clock.wall(), self._clock.tick())
        if parcel is not None:
            outcome = self._carried(parcel)
            self._courier.finished(outcome, self._clock.wall(), self._clock.tick())
            self._done()
        return self._courier.idle_for(self._clock.tick())

    def _carried(self, parcel: Parcel) -> Outcome:
        self._wire = Wire()
        try:
            message = self._courier.receiver.message(parcel.steps, parcel.valid_until)
            return judged(post(message, self._timeout, self._wire, self._trust), self._clock.wall())
        except NoAnswer as error:
            return Outcome(Result.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a bug must not silence the pager, nor lose what waits behind it
            event(logger, logging.ERROR, "notification failed", receiver=self._courier.receiver.name, exc_info=error)
            return Outcome(Result.FAILED, f"internal error ({type(error).__name__})")


class Scribe(Worker):
    """Keeps on disk what changes; `saved` is called after each time, whether it could or not."""

    def __init__(self, files: Sequence[tuple[Courier, Store]], saved: Callable[[], None], clock: Clock) -> None:
        super().__init__("notify-scribe")
        self._files = files
        self._clock = clock
        self._saved = saved

    def work(self) -> float | None:
        """Save what is not saved."""
        all_saved = True
        for courier, store in self._files:
            all_saved = self.save(courier, store) and all_saved
        return None if all_saved else SAVE_AGAIN

    def finish(self) -> None:
        """Save what the carriers did at last."""
        self.work()

    def save(self, courier: Courier, store: Store) -> bool:
        """Save what one receiver is to hear, if that has changed. True unless it could not be saved."""
        episodes = courier.unsaved()
        if episodes is None:
            return True
        try:
            store.save(episodes)
        except OSError as error:
            courier.not_saved(f"{store.path} cannot be written: {error.strerror}", self._clock.tick())
            return False
        else:
            courier.saved(episodes)
            return True
        finally:
            self._saved()
