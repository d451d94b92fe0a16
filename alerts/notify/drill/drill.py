"""The drill of one configuration: its alert by time, what each receiver did with it, its readings and its status.

A gauge makes the alert OutboxDrill fire, so that it takes the way of every other alert: through the rules, here or in
Prometheus, the queues and the receivers.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from alerts.model import DRILL, Severity
from alerts.notify.drill.confirmation import Confirmation, confirm
from alerts.notify.drill.records import DrillRecord, DrillRecords
from alerts.notify.drill.schedule import DrillTimes, drill_times
from alerts.notify.drill.status import DrillStatus
from alerts.notify.message.incidents import Updates
from alerts.notify.receivers.post import HttpResponse, Message, NoResponse
from alerts.notify.receivers.receiver import Receiver
from exporter.core.errors import SecretUnavailable
from exporter.core.types import WeeklyTime
from exporter.metrics.catalogue import DRILL_ACTIVE, DRILL_LAST_SUCCESS, DRILL_SUCCESS
from exporter.metrics.readings import Reading


class Drill:
    """The weekly drill with the receivers of its severity. Its methods may be called by any thread."""

    def __init__(
        self,
        schedule: WeeklyTime,
        severity: Severity,
        receivers: Iterable[Receiver],
        directory: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._schedule, self._severity, self._clock = schedule, severity, clock
        names = [receiver.name for receiver in receivers if severity in receiver.severities]
        self.records = DrillRecords(directory, f"{schedule} {severity}", names, clock())

    def delivered(self, receiver: Receiver, updates: Updates, ask: Callable[[Message], HttpResponse]) -> bool:
        """The receiver has accepted these updates: if the drill is among them, ask what became of it.

        Asks at most once per delivery, and not again after a success. Returns whether there is a new record.
        """
        found = (each.incident for each in updates if each.incident.alert == DRILL)
        incident = next((each for each in found if each.is_open), None)
        if incident is None or self.records.succeeded_since(receiver.name, incident.starts_at):
            return False
        try:
            confirmation = confirm(receiver, incident, ask)
        except (NoResponse, SecretUnavailable) as error:
            confirmation = Confirmation("", str(error))
        self.records.add(receiver.name, confirmation, self._clock())
        return True

    def readings(self) -> Iterator[Reading]:
        """Whether the drill takes place, and its last success and its latest result for each receiver."""
        now = self._clock()
        times = drill_times(self._schedule, now)
        yield Reading(DRILL_ACTIVE, float(times.lasts(now)), (str(self._severity),))
        for receiver, record in self.records.all().items():
            if record.succeeded_at is not None:
                yield Reading(DRILL_LAST_SUCCESS, record.succeeded_at, (receiver,))
            succeeded = _succeeded(record, times, now)
            if succeeded is not None:
                yield Reading(DRILL_SUCCESS, float(succeeded), (receiver,))

    def status(self) -> DrillStatus:
        """The part of the status page."""
        now = self._clock()
        times = drill_times(self._schedule, now)
        return {
            "active": times.lasts(now),
            "next": times.next,
            "severity": str(self._severity),
            "receivers": [
                {
                    "receiver": receiver,
                    "succeeded": _succeeded(record, times, now),
                    "succeeded_at": record.succeeded_at,
                    "proved": record.proved,
                    "problem": record.problem,
                }
                for receiver, record in self.records.all().items()
            ],
        }


def _succeeded(record: DrillRecord, times: DrillTimes, now: float) -> bool | None:
    """Whether the latest drill reached the receiver; None when there was none since the receiver is configured.

    A drill that takes place now has failed only when it is over: until then the previous result is in force.
    """
    week = times.next - times.latest
    begun = times.latest - week if times.lasts(now) and not _after(record, times.latest) else times.latest
    if begun < record.since:
        return True if _after(record, record.since) else None
    return _after(record, begun)


def _after(record: DrillRecord, at: float) -> bool:
    return record.succeeded_at is not None and record.succeeded_at >= at
