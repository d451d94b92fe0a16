"""Notices changes around the outbox, by comparing each tick and each observation with the one before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from alerts.watch.analysis.counters import APPLICATION_COUNTERS, CounterSample, sample_of
from alerts.watch.model.change import Change, ChangeKind, KnownServer, KnownState
from alerts.watch.model.tick import Cause, Tick
from exporter.metrics.readings import DatabaseServer
from exporter.metrics.snapshot import CollectorState, latest_server
from exporter.migration.definitions import SERVER_VERSION, SETTING

# Seconds by which two readings of a server's start, and of our clock, may differ.
_TOLERANCE = 1.0
# Names in one sentence; the rest is counted.
_MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Observation:
    """What collectors know besides numbers. Units: `server_age` and `definitions_age` seconds since their samples."""

    server: DatabaseServer | None = None
    server_age: float = 0.0
    definitions: Mapping[str, int] = field(default_factory=dict)
    definitions_age: float = 0.0

    @classmethod
    def of(cls, states: Iterable[CollectorState], now: float) -> "Observation":
        """The observation at `now`, seconds of the monotonic clock."""
        states = tuple(states)
        answered = max((state.answered for state in states if state.answered is not None), default=now)
        found = next((each for each in states if each.definitions and each.succeeded is not None), None)
        return cls(
            server=latest_server(states, now),
            server_age=max(now - answered, 0.0),
            definitions=found.definitions if found else {},
            definitions_age=max(now - (found.succeeded or now), 0.0) if found else 0.0,
        )


class ChangeDetector:
    """Detects changes from tick to tick. `known` is the state to go on with after a restart.

    `ticks` are the last ones before, in the order of time; like those of `detect` they count seconds on the time line.
    """

    def __init__(self, known: KnownState, ticks: Iterable[Tick] = ()) -> None:
        self.known = known
        self._last: Tick | None = None
        self._counters: dict[str, CounterSample] = {}
        self._definitions: Mapping[str, int] = {}
        for tick in ticks:
            self._remember(tick)

    def detect(self, tick: Tick, observation: Observation) -> tuple[Change, ...]:
        """The changes since the tick before."""
        found = (
            *self._clock(tick),
            *self._application(tick),
            *self._locks(tick),
            *self._maintenance(tick),
            *self._server(tick, observation),
            *self._compare(tick, observation),
        )
        self._remember(tick)
        return found

    def _remember(self, tick: Tick) -> None:
        self._last = tick
        for name in APPLICATION_COUNTERS:
            if name in tick.values:
                self._counters[name] = sample_of(name, tick)

    def _since(self, tick: Tick) -> float:
        """The time of the tick before."""
        return self._last.elapsed if self._last else tick.elapsed

    def _clock(self, tick: Tick) -> Iterator[Change]:
        if tick.step:
            yield change(ChangeKind.CLOCK_STEP, f"the clock was set by {tick.step:+.0f} s", tick, self._since(tick))

    def _application(self, tick: Tick) -> Iterator[Change]:
        for name in APPLICATION_COUNTERS:
            before = self._counters.get(name)
            if before is not None and name in tick.values and tick.values[name] < before.value:
                latest = sample_of(name, tick).elapsed
                text = f"the application was restarted ({name} was reset)"
                yield change(ChangeKind.APPLICATION_RESTART, text, tick, before.elapsed, latest)
                return  # one restart resets all of them

    def _locks(self, tick: Tick) -> Iterator[Change]:
        locked = _locked(tick)
        if locked and not (self._last and _locked(self._last)):
            text = f"a lock on a table made samples fail ({', '.join(sorted(locked))})"
            yield change(ChangeKind.LOCK, text, tick, self._since(tick))

    def _maintenance(self, tick: Tick) -> Iterator[Change]:
        before = self._last.maintenance if self._last else None
        if None in (before, tick.maintenance) or before == tick.maintenance:
            return
        reason = f" ({tick.maintenance_reason})" if tick.maintenance_reason else ""
        text = f"maintenance was declared{reason}" if tick.maintenance else "declared maintenance ended"
        yield change(ChangeKind.MAINTENANCE, text, tick, self._since(tick))

    def _server(self, tick: Tick, observation: Observation) -> Iterator[Change]:
        server, known = observation.server, self.known.server
        if server is None or server.start is None:
            return
        seen = tick.elapsed - observation.server_age
        found = KnownServer(server.start.at, server.in_recovery, server.address, seen)
        self.known = replace(self.known, server=found)
        if known is None:
            return
        began = seen - server.start.ago
        is_same_place = (known.address, known.in_recovery) == (found.address, found.in_recovery)
        if found.started_at == known.started_at:
            if known.in_recovery and not found.in_recovery:
                yield change(ChangeKind.FAILOVER, "the standby was promoted to primary", tick, known.seen, seen)
        elif is_same_place and began > known.seen - _TOLERANCE:
            exact = min(max(began, known.seen), seen)
            yield change(ChangeKind.SERVER_RESTART, "PostgreSQL was restarted", tick, exact, exact)
        else:
            yield change(ChangeKind.FAILOVER, f"{found} answers instead of {known}", tick, known.seen, seen)

    def _compare(self, tick: Tick, observation: Observation) -> Iterator[Change]:
        new, old = observation.definitions, self.known.definitions
        if not new or new is self._definitions:
            return
        self._definitions = new
        earliest, latest = self.known.compared, tick.elapsed - observation.definitions_age
        self.known = replace(self.known, definitions=new, compared=latest)
        if not old:
            return
        if old.get(SERVER_VERSION) != new.get(SERVER_VERSION):
            # Another version prints definitions in another way.
            yield change(ChangeKind.SETTING, "the server's version changed", tick, earliest, latest)
            return
        for kind, is_setting, title in (
            (ChangeKind.DEFINITION, False, "definitions changed"),
            (ChangeKind.SETTING, True, "server settings changed"),
        ):
            if names := [text for name, text in _differences(old, new) if name.startswith(SETTING) is is_setting]:
                yield change(kind, f"{title}: {_listed(names)}", tick, earliest, latest)


def change(kind: ChangeKind, text: str, tick: Tick, earliest: float, latest: float | None = None) -> Change:
    """A change that a tick shows, by default between `earliest` and that tick; seconds on the time line."""
    latest = tick.elapsed if latest is None else latest
    return Change(kind, text, tick.at - (tick.elapsed - latest), min(earliest, latest), latest)


def _locked(tick: Tick) -> set[str]:
    return {problem.collector for problem in tick.problems if problem.cause is Cause.LOCK}


def _differences(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Each object that differs, with a text."""
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            verb = "created" if name not in old else "dropped" if name not in new else "changed"
            yield name, name.removeprefix(SETTING) if name.startswith(SETTING) else f"{name} {verb}"


def _listed(names: list[str]) -> str:
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
