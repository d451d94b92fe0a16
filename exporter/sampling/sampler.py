"""One configuration at work: its collectors and their schedule."""

from collections.abc import Callable

from exporter.config.settings import Config
from exporter.sampling.collector_set import CollectorSet
from exporter.sampling.schedule import RunListener, Schedule


class Sampler(CollectorSet):
    """Starts and stops the schedule of the collectors, and their connections."""

    def __init__(self, config: Config, finished: RunListener) -> None:
        super().__init__(config)
        self._schedule = Schedule(self._entries, self.store, config.sampling, finished)

    def start(self) -> None:
        """Sample now and from now on."""
        self.database.open()
        self._schedule.start()

    def stop(self) -> None:
        """End what is running and close the connections. Returns within about two seconds.

        May be called again, from another thread as well: each call returns when all has ended.
        """
        self._schedule.halt()
        if self._application:
            self._application.close()
        self.database.close()
        self._schedule.stop()

    def check_clock(self) -> None:
        """Call every few seconds while started."""
        self._schedule.check_clock()

    def sample_soon(self) -> None:
        """Let every collector run within a sampling interval, however rarely it runs; returns at once."""
        self._schedule.run_soon()

    def run_in_turn(self, work: Callable[[], None]) -> None:
        """Run something once in the thread of the database collectors, after those that are due; returns at once."""
        self._schedule.run_in_turn(work)
