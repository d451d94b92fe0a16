"""One configuration at work: its database, its collectors, their schedule and the board that they fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.collectors.application import ApplicationCollector
from exporter.collectors.backlog import Backlog
from exporter.collectors.database import DatabaseCollector, DatabaseQuestion
from exporter.collectors.events import Events
from exporter.collectors.idempotency import Idempotency
from exporter.collectors.last_hour import LastHour
from exporter.collectors.maintenance import MaintenanceCollector
from exporter.collectors.migration import MigrationCollector
from exporter.collectors.throughput import Throughput
from exporter.config import Config
from exporter.database import Database
from exporter.departures import Departures
from exporter.indexes import Catalogue
from exporter.labels import Labels
from exporter.migration.maintenance import Ledger
from exporter.schedule import Finished, Schedule, Turn, run_once
from exporter.snapshot import Board, Target

# A migration comes undone by hand, not by itself: every five minutes is soon enough.
MIGRATION_PACE = 20


@dataclass(frozen=True, slots=True)
class BoundedLabels:
    """The values in use of the labels that come from the database."""

    queues: Labels
    sources: Labels
    events: Labels

    def by_name(self) -> Mapping[str, Labels]:
        """By the label's name."""
        return {"queue": self.queues, "source": self.sources, "event": self.events}


class Sampling:
    """Everything that a configuration brings to life, and takes down again."""

    def __init__(self, config: Config, finished: Finished) -> None:
        self.config = config
        self.database = Database(config.database)
        self._application = ApplicationCollector(config.application) if config.application else None
        self.catalogue = Catalogue()
        events = Events(config.sampling, self.catalogue)
        self.labels = BoundedLabels(Labels(config.sampling.label_limit), events.sources, events.types)
        departures = Departures()
        # What pages comes first: questions of one moment are asked in this order.
        self.questions: tuple[DatabaseQuestion, ...] = (
            Backlog(config.sampling, self.labels.queues, self.catalogue, departures),
            Throughput(self.labels.queues, departures),
            LastHour(config.sampling, self.labels.queues, departures),
            events,
            Idempotency(self.catalogue),
        )
        self._turns = tuple(self._make_turns())
        self.board = Board((turn.state for turn in self._turns), config.sampling.interval)
        self._schedule = Schedule(self._turns, self.board, config.sampling, finished)

    def start(self) -> None:
        """Sample now and from now on."""
        self.database.open()
        self._schedule.start()

    def stop(self) -> None:
        """Break off what is running and close the connections. Returns within about two seconds.

        May be called again, from another thread as well: each call returns when all has ended.
        """
        self._schedule.halt()
        if self._application:
            self._application.close()
        self.database.close()
        self._schedule.stop()

    def mind_the_clock(self) -> None:
        """Call every few seconds while started."""
        self._schedule.mind_the_clock()

    def sample_soon(self) -> None:
        """Let every collector run within a sampling interval, however rarely it runs; returns at once."""
        self._schedule.run_soon()

    def sample_once(self) -> None:
        """Let every collector run once, one after the other, and close again. Instead of `start` and `stop`."""
        self.database.open()
        try:
            for turn in self._turns:
                self.board.record(run_once(turn.collector), turn.interval)
        finally:
            self.database.close()

    def _make_turns(self) -> Iterator[Turn]:
        """What pages, and what excuses it, come before what decorates and may take long."""
        interval = self.config.sampling.interval
        questions = [
            Turn(
                DatabaseCollector(self.database, question, self.catalogue),
                Target.DATABASE,
                interval,
                pages=isinstance(question, Backlog | Throughput),
            )
            for question in self.questions
        ]
        yield from (turn for turn in questions if turn.pages)
        yield Turn(MaintenanceCollector(self.database, Ledger(self.config.watch.state_dir)), Target.LEDGER, interval)
        yield from (turn for turn in questions if not turn.pages)
        yield Turn(MigrationCollector(self.database), Target.CATALOGUE, MIGRATION_PACE * interval)
        if self._application:
            yield Turn(self._application, Target.APPLICATION, interval)
