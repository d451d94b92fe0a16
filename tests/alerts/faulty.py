"""Outboxes with a fault, tick by tick, as their exporters publish them: input for evaluators that have to agree.

They are deterministic. An outbox is healthy, then its fault begins, then ends. A tick is one scrape; `pace` is the
number of seconds of the unscaled policy for each tick, so that a scaled policy has the same course in less time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from alerts.model import Labels
from exporter.metrics.catalogue import PROCESSING_TIME_BUCKETS, STATES, UNACCOUNTED_KINDS, WATCH_STATES

Sample = tuple[str, Labels, float]
Shown = tuple[str, dict[str, str], float]

ROWS: Final = ("backlog", "throughput", "last_hour", "events", "idempotency")
COLLECTORS: Final = (*ROWS, "maintenance", "migration", "tables", "application")
ARRIVALS: Final = 3
SPEED: Final = 60
HEAD: Final = 100
LIFE: Final = 3


@dataclass(slots=True)
class FaultyOutbox:
    """One outbox. `fault` is a function that is called with it at every tick while the fault lasts."""

    fault: Callable[[FaultyOutbox], None]
    begins: int
    ends: int
    pace: float
    born: float = 0.0
    arrivals: int = ARRIVALS
    ticks: int = 0
    now: float = 0.0
    clock: float = 0.0
    waiting: list[float] = field(default_factory=list)
    failing: list[float] = field(default_factory=list)
    # Counters are large from the start: born small within a window, Prometheus 2 and 3 differ about them.
    processed: int = 1000
    times: list[int] = field(default_factory=lambda: [50] * (len(PROCESSING_TIME_BUCKETS) + 1))
    inits: dict[str, int] = field(default_factory=lambda: {"succeeded": 1000, "failed": 2})
    activations: int = 0
    layer_failures: int = 0
    refused: int = 0
    removed: int = 0
    # The healthy values, which a fault changes.
    speed: int = SPEED
    slowness: float = 1.0
    fails: bool = False
    dead: frozenset[str] = frozenset()
    connected: bool = True
    down: bool = False
    watch: str = "waiting"
    overrun: float = 0.0
    extra: dict[str, float] = field(default_factory=dict)
    _missing: dict[str, int] = field(default_factory=dict)
    _succeeded: dict[str, float] = field(default_factory=dict)

    def tick(self, now: float, exporters: float | None = None) -> list[Shown]:
        """The metrics of the exporter after another tick, at this time of the database's clock and of its own."""
        self.now, self.clock = now, now if exporters is None else exporters
        self.speed, self.slowness, self.fails, self.dead = SPEED, 1.0, False, frozenset()
        self.connected, self.down, self.watch, self.extra = True, False, "waiting", {}
        if self.begins <= self.ticks < self.ends:
            self.fault(self)
        self._live()
        self.ticks += 1
        return list(self._shown())

    @property
    def fresh(self) -> frozenset[str]:
        """The collectors whose results are shown."""
        return frozenset(name for name in COLLECTORS if self._missing.get(name, 0) < LIFE)

    def _live(self) -> None:
        self.waiting += [self.now] * self.arrivals
        self.inits["succeeded"] += self.arrivals
        if self.fails:
            tried = self.waiting[: HEAD - len(self.failing)]
            self.failing += tried
            del self.waiting[: len(tried)]
        elif self.speed:
            tried = self.failing + self.waiting
            done = tried[: self.speed]
            self.failing, self.waiting = [], tried[self.speed :]
            self.processed += len(done)
            for _ in done:
                self.times[sum(bound < self.slowness for bound in PROCESSING_TIME_BUCKETS)] += 1
        for name in COLLECTORS:
            self._missing[name] = self._missing.get(name, 0) + 1 if name in self.dead else 0
            if name not in self.dead:
                self._succeeded[name] = self.clock

    def _shown(self) -> Iterator[Shown]:
        for name, show in self._collectors().items():
            if name in self.fresh:
                yield from show()
        yield "outbox_up", {}, float(self.connected)
        yield "outbox_exporter_config_last_reload_successful", {}, self.extra.get("reload", 1.0)
        yield "process_start_time_seconds", {}, self.born
        for name in COLLECTORS:
            yield "outbox_collector_success", {"collector": name}, float(name not in self.dead)
            yield (
                "outbox_collector_last_success_timestamp_seconds",
                {"collector": name},
                self._succeeded.get(name, self.born),
            )
        for name in ROWS:
            yield "outbox_collector_failures_total", {"collector": name, "reason": "rls"}, float(self.refused)
        for state in WATCH_STATES:
            yield "outbox_watch_state", {"state": state}, float(state == self.watch)
        if self.watch != "waiting":
            yield "outbox_watch_end_timestamp_seconds", {}, self.now - 60 * self.pace
        yield "outbox_drill_active", {"severity": "page"}, self.extra.get("drill", 0.0)
        yield "outbox_drill_success", {"receiver": "pagerduty"}, 1 - self.extra.get("drill", 0.0)

    def _collectors(self) -> Mapping[str, Callable[[], Iterator[Shown]]]:
        return {
            "backlog": self._backlog,
            "throughput": self._throughput,
            "last_hour": self._last_hour,
            "idempotency": self._idempotency,
            "maintenance": self._maintenance,
            "migration": self._migration,
            "tables": self._tables,
            "application": self._application,
        }

    def _backlog(self) -> Iterator[Shown]:
        jobs = {"waiting": self.waiting, "failing": self.failing}
        for state in STATES:
            yield "outbox_pending_jobs", {"state": state}, self.extra.get(state, float(len(jobs.get(state, ()))))
        for state, created in jobs.items():
            if created:
                yield "outbox_oldest_pending_timestamp_seconds", {"state": state}, min(created)
        yield "outbox_head_blocked_jobs", {}, float(len(self.failing))

    def _throughput(self) -> Iterator[Shown]:
        yield "outbox_processed_jobs_total", {}, float(self.processed)
        bounds = (*map(float, PROCESSING_TIME_BUCKETS), float("inf"))
        for bound, count in zip(bounds, accumulate(self.times), strict=True):
            le = "+Inf" if bound == float("inf") else str(bound)
            yield "outbox_processing_time_seconds_bucket", {"le": le}, float(count)
        for kind in UNACCOUNTED_KINDS:
            yield "outbox_unaccounted_jobs_total", {"kind": kind}, float(self.removed if kind == "removed" else 0)

    def _last_hour(self) -> Iterator[Shown]:
        yield "outbox_last_hour_processed_jobs", {}, float(ARRIVALS * 100)
        yield "outbox_last_hour_failure_ratio", {}, len(self.failing) / (len(self.failing) + 300)
        yield "outbox_oldest_processed_timestamp_seconds", {}, self.now - self.extra.get("kept", 86400.0) * self.pace

    def _idempotency(self) -> Iterator[Shown]:
        expired = self.now - self.extra.get("expired", 3600.0) * self.pace
        yield "outbox_idempotency_oldest_expired_timestamp_seconds", {}, expired

    def _maintenance(self) -> Iterator[Shown]:
        yield "outbox_maintenance_active", {}, self.extra.get("maintenance", 0.0)
        if "overrun" in self.extra:
            yield "outbox_maintenance_declared_end_timestamp_seconds", {}, self.extra["overrun"]

    def _migration(self) -> Iterator[Shown]:
        yield "outbox_migration_checks", {"status": "broken"}, self.extra.get("broken", 0.0)

    def _tables(self) -> Iterator[Shown]:
        yield "outbox_vacuum_horizon_pinned", {"table": "job_outbox"}, float("held" in self.extra)
        if "held" in self.extra:
            held = self.now - self.extra["held"] * self.pace
            yield "outbox_vacuum_horizon_held_timestamp_seconds", {"holder": "session"}, held

    def _application(self) -> Iterator[Shown]:
        for endpoint in ("healthCheck", "getFSM", "getOutbox", "getFallbacks"):
            yield "outbox_app_up", {"endpoint": endpoint}, float(not self.down)
        if self.down:
            return
        yield "outbox_app_healthy", {}, self.extra.get("healthy", 1.0)
        for result, count in self.inits.items():
            yield "outbox_app_fsm_initializations_total", {"result": result}, float(count)
        for layer in ("2", "3"):
            yield "outbox_app_fallback_activations_total", {"layer": layer}, float(self.activations)
            yield "outbox_app_fallback_failures_total", {"layer": layer}, float(self.layer_failures)


def healthy(_: FaultyOutbox) -> None:
    """No fault."""


def stalled(outbox: FaultyOutbox) -> None:
    """The processor has stopped."""
    outbox.speed = 0


def poisoned(outbox: FaultyOutbox) -> None:
    """Every attempt fails, and the head of the outbox fills with attempted jobs."""
    outbox.fails = True


def burst(outbox: FaultyOutbox) -> None:
    """Far more than it can do, for a moment; it drains by itself."""
    if outbox.ticks == outbox.begins:
        outbox.waiting += [outbox.now] * 1500


def flood(outbox: FaultyOutbox) -> None:
    """More every tick than it can do."""
    outbox.waiting += [outbox.now] * 2 * SPEED


def slow(outbox: FaultyOutbox) -> None:
    """Jobs take minutes."""
    outbox.slowness = 100 * outbox.pace


def initialisations_fail(outbox: FaultyOutbox) -> None:
    """A third of them, and the layers behind do not always help."""
    outbox.inits["failed"] += 2
    outbox.activations += 2
    outbox.layer_failures += outbox.ticks % 2


def application_down(outbox: FaultyOutbox) -> None:
    """No endpoint answers, and its counters begin anew."""
    outbox.down = True
    outbox.inits.update(succeeded=40, failed=0)


def application_unhealthy(outbox: FaultyOutbox) -> None:
    """The application itself reports it, while a drill is not delivered."""
    outbox.extra = {"healthy": 0.0, "drill": 1.0}


def database_down(outbox: FaultyOutbox) -> None:
    """Nothing can be sampled but the application."""
    outbox.connected, outbox.dead = False, frozenset(COLLECTORS) - {"application"}


def locked(outbox: FaultyOutbox) -> None:
    """One table cannot be read."""
    outbox.dead = frozenset({"backlog", "throughput", "last_hour"})


def rows_not_visible(outbox: FaultyOutbox) -> None:
    """The rows may not be seen any more."""
    outbox.dead = frozenset(ROWS)
    outbox.refused += 1


def neglected(outbox: FaultyOutbox) -> None:
    """Failed clean-ups, a broken migration, exhausted and deleted jobs, a forgotten transaction, every verdict."""
    outbox.removed += outbox.ticks > outbox.begins + 5
    outbox.extra = {
        "expired": 30 * 3600.0,
        "kept": 40 * 86400.0,
        "broken": 2.0,
        "exhausted": 1.0 + outbox.ticks - outbox.begins,
        "held": 3600.0,
        "reload": 0.0,
    }
    thirds = (outbox.ticks - outbox.begins) * 3 // (outbox.ends - outbox.begins)
    outbox.watch = ("failed", "inconclusive", "passed")[thirds]


def stalled_in_maintenance(outbox: FaultyOutbox) -> None:
    """The processor is stopped in declared maintenance, and for longer than was declared."""
    half = (outbox.begins + outbox.ends) // 2
    outbox.speed = 0
    outbox.overrun = outbox.now if outbox.ticks == half else outbox.overrun
    outbox.extra = {"maintenance": 1.0} if outbox.ticks < half else {"overrun": outbox.overrun}


FAULTS: Final = (
    healthy,
    stalled,
    poisoned,
    burst,
    flood,
    slow,
    initialisations_fail,
    application_down,
    application_unhealthy,
    database_down,
    locked,
    rows_not_visible,
    neglected,
    stalled_in_maintenance,
)
