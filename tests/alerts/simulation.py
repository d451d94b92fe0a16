"""A simulated healthy outbox and its exporter, for any number of days.

People start courses by day and sleep at night; the processor polls and backs off as the deployed one (and the lab's)
does; there are bursts, deploys that take the application down for a minute and its counters to zero, restarts of the
exporter, and the clean-ups of pg_cron. The exporter samples each collector at its own interval; readings expire.
Sources: deployed-application.md; exporter/lab/workload/processor.py; exporter/sampling/intervals.py and
exporter/metrics/snapshot.py for intervals and time-to-live.
"""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.collectors.conservation import Conservation, NewlyProcessed, PendingJobs
from exporter.collectors.watermark import SETTLING_WINDOW
from exporter.lab.workload.processor import BATCH, MIN_POLL_INTERVAL, next_poll_interval
from exporter.metrics.catalogue import NOTIFICATION_RESULTS, PROCESSING_TIME_BUCKETS, STATES, WATCH_STATES
from exporter.sampling.collector_set import MIGRATION_INTERVALS, TABLES_INTERVALS

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]

_AT_A_TIME = 10
_HANDING_OVER = 0.05  # seconds for ten jobs
_TRIPS = 0.0005  # share of jobs whose first try fails, and whose second succeeds
_FAILURES = 0.002  # the document's healthy example
_CACHED = 0.35
_BUSIEST = 0.12  # initialisations per second at noon of a weekday
_OUTAGE = 60.0  # of the application during a deploy
_RESTART = 40.0  # of the exporter
_DUMP = 25 * MINUTE  # at night, in which dead rows stay
_REPORT = 12 * MINUTE  # twice a day
_NANOSECOND = 1e-9
_KEY_LIFE, _RETENTION = 2 * DAY, 30 * DAY


def _at(day: int, hour: float) -> float:
    return day * DAY + hour * HOUR


class Outbox:
    """Tables, application and processor. Time is seconds since the Monday on which it began, 00:00 UTC."""

    def __init__(self, rng: random.Random, days: int, crashed: tuple[float, float] | None = None) -> None:
        self.rng = rng
        self._crashed = crashed
        self.waiting: deque[float] = deque()  # created
        self.tripped: deque[float] = deque()  # created; tried once
        self.in_flight: deque[tuple[float, float]] = deque()  # to be processed at, created
        self.processed: deque[tuple[float, float]] = deque()  # processed at, created; of the last hour
        # Left from the previous month: rows since the last Sunday's clean-up, one for many; keys by expiry.
        self.kept = deque(-30.9 * DAY + hour * HOUR for hour in range(int(30.9 * 24)))
        self.keys = deque(sorted(rng.uniform(0, _KEY_LIFE) for _ in range(6000)))
        self.initialised: Counter[str] = Counter()
        self.fallbacks: Counter[str] = Counter()
        self._created = 0
        self._end = days * DAY
        self._pause = MIN_POLL_INTERVAL
        self._back_at = -math.inf
        self._turned_away = 0
        bursts = (_at(day, rng.uniform(8, 20)) for day in range(days) for _ in range(rng.choice((0, 0, 1, 1, 2))))
        self._plans: dict[Callable[[float], float | None], Iterator[float]] = {
            self._burst: iter(sorted(bursts)),
            self._deploy: iter([_at(day, 15) for day in range(days) if day % 7 in (1, 3)]),
            self._clean: iter([_at(day, 3) for day in range(days)]),
            self._retain: iter([_at(day, 2) for day in range(days) if day % 7 == 6]),
        }
        self._next: dict[Callable[[float], float | None], float] = {
            act: next(plan, math.inf) for act, plan in self._plans.items()
        }
        self._next |= {self._poll: 0.0, self._arrive: self._next_arrival(0.0), self._next_poll: math.inf}

    def advance(self, until: float) -> None:
        """Advance to that time."""
        while True:
            act, at = min(self._next.items(), key=lambda item: item[1])
            if at > until:
                break
            self._settle(at)
            after = act(at)
            self._next[act] = next(self._plans[act], math.inf) if after is None else after
        self._settle(until)

    def answers(self, at: float) -> bool:
        """Whether the application is up."""
        return at >= self._back_at

    def _settle(self, at: float) -> None:
        while self.in_flight and self.in_flight[0][0] <= at:
            done, created = self.in_flight.popleft()
            self.processed.append((done, created))
            if not self.kept or done - self.kept[-1] > MINUTE:
                self.kept.append(done)
        while self.processed and self.processed[0][0] < at - HOUR:
            self.processed.popleft()

    def _poll(self, at: float) -> float:
        if self._crashed and self._crashed[0] <= at < self._crashed[1]:
            return self._crashed[1]
        jobs = [self.tripped.popleft() for _ in range(len(self.tripped))]
        jobs += [self.waiting.popleft() for _ in range(min(BATCH - len(jobs), len(self.waiting)))]
        end = at
        for number, created in enumerate(jobs):
            end = at + (number // _AT_A_TIME + 1) * _HANDING_OVER
            if self.rng.random() < _TRIPS:
                self.tripped.append(created)
            else:
                self.in_flight.append((end, created))
        self._pause = next_poll_interval(self._pause, len(jobs))
        return end + self._pause

    def _arrive(self, at: float) -> float:
        if self.answers(at):
            self._initialise(at)
        else:
            self._turned_away += 1
        return self._next_arrival(at)

    def _next_poll(self, at: float) -> float:
        """A rejected attempt is repeated."""
        for _ in range(self._turned_away):
            self._initialise(at)
        self._turned_away = 0
        return math.inf

    def _initialise(self, at: float) -> None:
        if self.rng.random() < _FAILURES:
            self.initialised["failed"] += 1
            self.fallbacks["2"] += 1
        self.initialised["succeeded"] += 1
        if self.rng.random() >= _CACHED:
            self.keys.append(at + _KEY_LIFE)
            for _ in range(self.rng.randint(1, 4)):
                self._created += 1
                self.waiting.append(at + self._created * _NANOSECOND)  # the time is the job's identity

    def _burst(self, at: float) -> None:
        """An import: many courses at once."""
        for _ in range(self.rng.randint(100, 1200) if self.answers(at) else 0):
            self._initialise(at)

    def _deploy(self, at: float) -> None:
        self._back_at = at + _OUTAGE
        self._next[self._next_poll] = self._back_at + 5
        self._next[self._poll] = self._back_at
        self._pause = MIN_POLL_INTERVAL
        self.initialised.clear()
        self.fallbacks.clear()
        # Jobs in progress were not marked as processed, and are fetched again.
        self.waiting.extendleft(created for _, created in reversed(self.in_flight))
        self.in_flight.clear()

    def _clean(self, at: float) -> None:
        while self.keys and self.keys[0] < at:
            self.keys.popleft()

    def _retain(self, at: float) -> None:
        while self.kept and self.kept[0] < at - _RETENTION:
            self.kept.popleft()

    def _next_arrival(self, at: float) -> float:
        while at < self._end:
            at += self.rng.expovariate(_BUSIEST)
            if self.rng.random() < _busy(at):
                return at
        return math.inf


def _busy(at: float) -> float:
    """The share of the busiest traffic at this time: nothing at night, a third at weekends."""
    hour, weekday = at % DAY / HOUR, int(at // DAY) % 7
    by_day = max(0.0, math.sin(math.pi * (hour - 6) / 17)) if 6 < hour < 23 else 0.0
    return by_day * (1 / 3 if weekday in (5, 6) else 1)


def _job(created: float) -> str:
    return repr(created)


_DATABASE = ("backlog", "throughput", "last_hour", "events", "idempotency")
_ENDPOINTS = ("healthCheck", "getFSM", "getOutbox", "getFallbacks")
_ROWS_PER_SECOND = 125
_LIFE = 3

# Seconds of the day.
_LONG_QUERIES = ((1 * HOUR, _DUMP), (9 * HOUR, _REPORT), (16 * HOUR, _REPORT))

Reading = tuple[str, tuple[tuple[str, str], ...], float]


class Exporter:
    """Samples the outbox at its intervals, and publishes fresh readings. `epoch` is the Unix time of 0."""

    def __init__(self, outbox: Outbox, epoch: float, interval: float, labels: Labels) -> None:
        self._outbox = outbox
        self._epoch = epoch
        self._interval = interval
        self._labels = labels
        self._sets: dict[tuple[tuple[str, str], ...], Labels] = {}
        self._started = 0.0
        self._seen = 0.0  # jobs that were processed until then are counted
        self._collectors: dict[str, Callable[[float], list[Reading]]] = {
            "backlog": self._backlog,
            "throughput": self._throughput,
            "last_hour": self._last_hour,
            "events": lambda _: [],
            "idempotency": self._idempotency,
            "maintenance": lambda _: [("outbox_maintenance_active", (), 0)],
            "migration": self._migration,
            "tables": self._tables,
            "application": self._application,
        }
        self.restart(0.0)

    def restart(self, at: float) -> None:
        """Begin anew: counters at zero, nothing sampled yet."""
        self._started = self._seen = at
        self._baseline = True
        self._counts = [0] * (len(PROCESSING_TIME_BUCKETS) + 1)
        self._conservation = Conservation()
        self._due = dict.fromkeys(self._collectors, at)
        self._shown: dict[str, tuple[float, list[Reading]]] = {}
        self._succeeded: dict[str, float] = {}
        self._success: dict[str, bool] = dict.fromkeys(self._collectors, False)

    def sample(self, at: float) -> None:
        """Let every collector run that is due."""
        for name, collect in self._collectors.items():
            if self._due[name] <= at:
                readings = collect(at)
                pace = self._pace(name)
                self._due[name] = at + pace
                self._shown[name] = (at + min(_LIFE * pace, pace + _LIFE * self._interval), readings)
                self._success[name] = name != "application" or self._outbox.answers(at)
                if self._success[name]:
                    self._succeeded[name] = at

    def scrape(self, at: float) -> list[Sample]:
        """The content of /metrics."""
        fresh = [reading for expires, readings in self._shown.values() if at <= expires for reading in readings]
        return [(metric, self._labelled(extra), float(value)) for metric, extra, value in (*fresh, *self._itself())]

    def _labelled(self, extra: tuple[tuple[str, str], ...]) -> Labels:
        if extra not in self._sets:
            self._sets[extra] = tuple(sorted((*extra, *self._labels)))
        return self._sets[extra]

    def _pace(self, name: str) -> float:
        rows = {
            "last_hour": len(self._outbox.processed),
            "idempotency": len(self._outbox.keys),
        }.get(name, 0)
        base = self._interval * {"migration": MIGRATION_INTERVALS, "tables": TABLES_INTERVALS}.get(name, 1)
        return max(base, min(rows / _ROWS_PER_SECOND, 600.0))

    def _backlog(self, _: float) -> list[Reading]:
        outbox = self._outbox
        waiting = [outbox.waiting[0]] if outbox.waiting else []
        waiting += [outbox.in_flight[0][1]] if outbox.in_flight else []
        counts = {"waiting": len(outbox.waiting) + len(outbox.in_flight), "failing": len(outbox.tripped)}
        oldest = {"waiting": waiting, "failing": list(outbox.tripped)}
        jobs = (*outbox.waiting, *outbox.tripped, *(created for _, created in outbox.in_flight))
        self._conservation.record_pending(PendingJobs({_job(created): "queue" for created in jobs}), is_current=False)
        readings: list[Reading] = [
            ("outbox_pending_jobs", (("state", state),), counts.get(state, 0)) for state in STATES
        ]
        readings.append(("outbox_head_blocked_jobs", (), len(outbox.tripped)))
        for state, created in oldest.items():
            if created:
                at = self._epoch + min(created)
                readings.append(("outbox_oldest_pending_timestamp_seconds", (("state", state),), at))
        return readings

    def _throughput(self, at: float) -> list[Reading]:
        new = []
        for done, created in reversed(self._outbox.processed):
            if done <= self._seen or self._baseline:
                break
            self._counts[bisect_left(PROCESSING_TIME_BUCKETS, done - created)] += 1
            new.append(NewlyProcessed(_job(created), "queue", created))
        self._baseline, self._seen = False, at
        total, readings = 0, []
        for bound, count in zip((*PROCESSING_TIME_BUCKETS, math.inf), self._counts, strict=True):
            total += count
            le = "+Inf" if bound == math.inf else str(float(bound))
            readings.append(("outbox_processing_time_seconds_bucket", (("le", le),), float(total)))
        return [("outbox_processed_jobs_total", (), total), *readings, *self._conserved(new)]

    def _conserved(self, new: list[NewlyProcessed]) -> Iterator[Reading]:
        """Created and unaccounted jobs, as the exporter's own code finds them."""
        window = itertools.takewhile(
            lambda job: job[0] > self._seen - SETTLING_WINDOW, reversed(self._outbox.processed)
        )
        counted = {created for _, created in window}
        self._conservation.record_processed(new, ())
        self._conservation.find_uncounted(lambda job: float(job) in counted)
        self._conservation.found(())
        for each in self._conservation.readings():
            yield each.metric.name, tuple(zip(each.metric.labels, each.labels, strict=True)), each.value

    def _last_hour(self, _: float) -> list[Reading]:
        outbox = self._outbox
        processed = len(outbox.processed)
        readings: list[Reading] = [("outbox_last_hour_processed_jobs", (), processed)]
        if tried := processed + len(outbox.tripped):
            readings.append(("outbox_last_hour_failure_ratio", (), len(outbox.tripped) / tried))
        if outbox.kept:
            readings.append(("outbox_oldest_processed_timestamp_seconds", (), self._epoch + outbox.kept[0]))
        return readings

    def _idempotency(self, at: float) -> list[Reading]:
        oldest = self._outbox.keys[0] if self._outbox.keys else math.inf
        if oldest >= at:
            return []
        return [("outbox_idempotency_oldest_expired_timestamp_seconds", (), self._epoch + oldest)]

    def _migration(self, _: float) -> list[Reading]:
        counts = {"ok": 40, "broken": 0, "unknown": 0}
        return [("outbox_migration_checks", (("status", status),), count) for status, count in counts.items()]

    def _tables(self, at: float) -> list[Reading]:
        """Long queries hold the horizon, and that they pin it is seen ten minutes after they began."""
        since = next((start for start, length in _LONG_QUERIES if 0 <= at % DAY - start < length), None)
        pinned = since is not None and at % DAY - since > 10 * MINUTE
        readings: list[Reading] = [("outbox_vacuum_horizon_pinned", (("table", "job_outbox"),), pinned)]
        if since is not None and pinned:
            held = self._epoch + at - at % DAY + since
            readings.append(("outbox_vacuum_horizon_held_timestamp_seconds", (("holder", "session"),), held))
        return readings

    def _application(self, at: float) -> list[Reading]:
        outbox, up = self._outbox, self._outbox.answers(at)
        readings: list[Reading] = [("outbox_app_up", (("endpoint", name),), up) for name in _ENDPOINTS]
        if up:
            tried = sum(outbox.initialised.values())
            # The success rate of nothing is 0, and not enough.
            for check, well in (("outbox_alive", True), ("fsm_success_rate_ok", tried > 0)):
                readings.append(("outbox_app_check", (("check", check),), well))
            readings.append(("outbox_app_healthy", (), tried > 0))
            if tried:
                readings.append(("outbox_app_fsm_failure_ratio", (), outbox.initialised["failed"] / tried))
            for result in ("succeeded", "failed"):
                count = outbox.initialised[result]
                readings.append(("outbox_app_fsm_initializations_total", (("result", result),), count))
            for layer in ("2", "3"):
                count = outbox.fallbacks[layer]
                readings.append(("outbox_app_fallback_activations_total", (("layer", layer),), count))
                readings.append(("outbox_app_fallback_failures_total", (("layer", layer),), 0))
        return readings

    def _itself(self) -> Iterator[Reading]:
        yield "process_start_time_seconds", (), self._epoch + self._started
        yield "outbox_up", (), any(self._success[name] for name in _DATABASE)
        yield "outbox_exporter_config_last_reload_successful", (), 1
        for name in self._collectors:
            label = (("collector", name),)
            yield "outbox_collector_success", label, self._success[name]
            if name in self._succeeded:
                at = self._epoch + self._succeeded[name]
                yield "outbox_collector_last_success_timestamp_seconds", label, at
        for name in _DATABASE:
            for reason in ("permission", "rls"):
                yield "outbox_collector_failures_total", (("collector", name), ("reason", reason)), 0
        for state in WATCH_STATES:
            yield "outbox_watch_state", (("state", state),), state == "waiting"
        yield "outbox_notifications_waiting", (("receiver", "alertmanager"),), 0
        for result in NOTIFICATION_RESULTS:
            yield "outbox_notifications_total", (("receiver", "alertmanager"), ("result", result)), 0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape: `at` in Unix seconds; `samples` is empty while the exporter is down."""

    at: float
    samples: list[Sample]


def scrapes(
    days: int,
    *,
    interval: float = 15.0,
    epoch: float = 0.0,
    seed: int = 20251118,
    labels: Labels = (("instance", "outbox-exporter:9721"), ("job", "outbox-exporter")),
    crashed: tuple[float, float] | None = None,
) -> Iterator[Scrape]:
    """So many healthy days, the first a Monday, scraped and sampled every `interval` seconds.

    The exporter restarts with every deploy, half a minute later, and on Saturdays by night. `crashed` is the exception:
    from when until when no processor runs, seconds from the beginning.
    """
    outbox = Outbox(random.Random(seed), days, crashed)
    exporter = Exporter(outbox, epoch, interval, labels)
    restarts = deque(_restarts(days))
    phase = interval / 3  # samples and scrapes keep different time
    for number in range(int(days * DAY / interval)):
        at = number * interval
        if restarts and restarts[0] + _RESTART <= at:
            outbox.advance(restarts[0] + _RESTART)
            exporter.restart(restarts.popleft() + _RESTART)
        down = bool(restarts) and restarts[0] <= at
        outbox.advance(at)
        yield Scrape(epoch + at, [] if down else exporter.scrape(at))
        if not down and not (restarts and restarts[0] <= at + phase):
            outbox.advance(at + phase)
            exporter.sample(at + phase)


def _restarts(days: int) -> Iterable[float]:
    deploys = [_at(day, 15) + MINUTE / 2 for day in range(days) if day % 7 in (1, 3)]
    return sorted([*deploys, *(_at(day, 4.2) for day in range(days) if day % 7 == 5)])
