"""The changes within a watch, and those before a breach. They came first; that does not make them its cause."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from alerts.watch.model.change import Change, ChangeKind
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import TimeSpan
from alerts.watch.model.watch import Watch
from alerts.watch.store.history import History
from exporter.core.humanize import duration

# Seconds before a breach in which changes are listed. A job is beyond its limit five minutes after the cause; the
# longest window of the other signals of severity page is ten minutes.
WINDOW = 900.0
# Seconds. Two moments that are closer are one.
_SAME = 1.5


def changes_of(history: History, watch: Watch, judgement: Judgement) -> tuple[Change, ...]:
    """The changes of a watch and of the time just before, in their order; their times count from its begin.

    A history of an earlier version has no changes; then restarts and clock steps are those of the judgement.
    Raises: HistoryError.
    """
    stored = (
        replace(change, earliest=change.earliest - watch.started, latest=change.latest - watch.started)
        for change in history.all(Change).values()
    )
    found = [change for change in stored if change.latest >= -WINDOW and change.earliest <= judgement.elapsed]
    known = [(change.kind, change.latest) for change in found]
    found += [
        each
        for each in of_judgement(judgement)
        if not any(kind is each.kind and abs(latest - each.latest) <= watch.interval for kind, latest in known)
    ]
    return tuple(sorted(found, key=lambda change: (change.latest, change.earliest, change.kind)))


def of_judgement(judgement: Judgement) -> Iterator[Change]:
    """Restarts of the application and clock steps."""
    for restart in judgement.restarts:
        text = f"the application was restarted ({restart.counter} was reset)"
        yield Change(ChangeKind.APPLICATION_RESTART, text, restart.at, restart.elapsed, restart.elapsed)
    for step in judgement.clock_steps:
        text = f"the clock was set by {step.seconds:+.0f} s"
        yield Change(ChangeKind.CLOCK_STEP, text, step.at, step.elapsed, step.elapsed)


def before(breach: TimeSpan, changes: Iterable[Change], resolution: float) -> tuple[Change, ...]:
    """The changes that may have been within `WINDOW` before a breach began.

    `resolution` is the time between two ticks, seconds: the breach began in the one before the tick that showed it.
    """
    return tuple(
        change
        for change in changes
        if change.latest >= breach.started - WINDOW and change.earliest < breach.started + resolution
    )


def relative(change: Change, breach: TimeSpan) -> str:
    """A change, and how long before the begin of a breach it was."""
    least, most = breach.started - change.latest, breach.started - change.earliest
    if most < _SAME:
        return f"{change.text} at the same time"
    if most - least < _SAME:
        return f"{change.text} {duration(most)} earlier"
    if least <= 0:
        return f"{change.text} at most {duration(most)} earlier"
    return f"{change.text} {duration(least)} to {duration(most)} earlier"


def listed(breach: TimeSpan, changes: Sequence[Change], resolution: float) -> str:
    """The changes before a breach as one text; empty when none was seen."""
    return "; ".join(relative(change, breach) for change in before(breach, changes, resolution))
