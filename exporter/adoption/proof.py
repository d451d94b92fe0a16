"""Whether a mapping holds in the database: one run of every collector of rows, and what its values show."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.config.settings import Config
from exporter.core.errors import LoginRefused, SampleError, Stale, Unreachable
from exporter.core.humanize import count, duration, percent
from exporter.database import relations, statuses
from exporter.metrics import catalogue
from exporter.metrics.availability import unknown_metrics
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import Reading
from exporter.outbox.mapping import OutboxMapping
from exporter.sampling.collector_set import CollectorSet


@dataclass(frozen=True, slots=True)
class Signal:
    """One of the five signals. Units: those of the metric. `value` is None where there is none; `text` says why."""

    name: str
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sample showed. `failures` are what is missing; `notes` change nothing about the numbers."""

    signals: tuple[Signal, ...]
    failures: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Sample:
    """What the collectors have found together."""

    readings: list[Reading] = field(default_factory=list)
    unknown: dict[Metric, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def prove(config: Config) -> Proof:
    """Sample once with this configuration. Raises: SampleError when the database does not answer."""
    sampling = CollectorSet(config)
    sampling.database.open()
    try:
        sample = _sample(sampling)
        notes = [*_advice(sample.readings), *([] if sample.failures else _status_problems(sampling))]
    finally:
        sampling.database.close()
    if sample.failures:
        return Proof((), tuple(dict.fromkeys(sample.failures)), tuple(notes))
    return Proof(tuple(signals(sampling.mapping, sample.readings, sample.unknown, time.time())), (), tuple(notes))


def _sample(sampling: CollectorSet) -> _Sample:
    sample = _Sample()
    for collector in sampling.database_collectors:
        try:
            outcome = collector.collect()
            # Some are sent only once a job is gone.
            with sampling.database.sample(*collector.reads) as session:
                for statement in collector.statements:
                    session.plan(statement)
        except (LoginRefused, Stale, Unreachable):
            raise
        except SampleError as error:
            sample.failures.append(f"{error.reason}: {error}")
            continue
        sample.readings += [each for each in outcome.readings if isinstance(each, Reading)]
        sample.unknown |= outcome.unknown
    return sample


def _status_problems(sampling: CollectorSet) -> tuple[str, ...]:
    mapping = sampling.mapping
    if not mapping.status:
        return ()
    with sampling.database.sample(*relations.reads(mapping, "statuses")) as session:
        return tuple(statuses.problems(mapping, statuses.read(session)))


def signals(
    mapping: OutboxMapping, readings: Iterable[Reading], unknown_now: Mapping[Metric, str], now: float
) -> Iterator[Signal]:
    """Backlog, oldest job, processing time, last hour, failure ratio.

    `unknown_now` has the reasons of the sample; `now` in Unix seconds.
    """
    values: dict[Metric, dict[tuple[str, ...], float]] = {}
    for each in readings:
        values.setdefault(each.metric, {})[each.labels] = each.value
    unknown = {**unknown_now, **unknown_metrics(mapping)}
    pending, oldest = values.get(catalogue.PENDING_JOBS, {}), values.get(catalogue.OLDEST_PENDING, {})
    exhausted = ""
    if mapping.has_exhausted:  # they are not attempted any more, so they are no backlog
        exhausted = f"; {_jobs(pending.pop(('exhausted',), 0))} exhausted"
        oldest.pop(("exhausted",), None)
    states = ", ".join(f"{count(jobs)} {state}" for (state,), jobs in pending.items())
    yield Signal("backlog", sum(pending.values()), f"{_jobs(sum(pending.values()))} ({states}){exhausted}")
    age = max((now - created for created in oldest.values()), default=None)
    untimed = "no job that waits has a time" if sum(pending.values()) else "no job waits"
    yield _signal("oldest job", age, duration, unknown.get(catalogue.OLDEST_PENDING) or untimed)
    hour: Mapping[str, tuple[Metric, tuple[str, ...]]] = {
        "processing time": (catalogue.LAST_HOUR_PROCESSING_TIME, ("processed",)),
        "last hour": (catalogue.LAST_HOUR_PROCESSED, ()),
        "failure ratio": (catalogue.LAST_HOUR_FAILURE_RATIO, ()),
    }
    formats: Mapping[str, Callable[[float], str]] = {
        "processing time": duration,
        "last hour": lambda jobs: f"{_jobs(jobs)} processed",
    }
    for name, (metric, labels) in hour.items():
        value = values.get(metric, {}).get(labels)
        reason = unknown.get(metric) or "no job was processed in the last hour, nor failed"
        yield _signal(name, value, formats.get(name, percent), reason)


def _jobs(number: float) -> str:
    return f"{count(number)} job{'' if number == 1 else 's'}"


def _signal(name: str, value: float | None, written: Callable[[float], str], reason: str) -> Signal:
    return Signal(name, value, reason if value is None else written(value))


def _advice(readings: Iterable[Reading]) -> Iterator[str]:
    for each in readings:
        if each.metric is catalogue.HELPFUL_INDEX_MISSING and each.value:
            yield f"an index on {each.labels[0]} would make samples cheaper"
