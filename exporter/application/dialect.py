"""From payloads to readings: which dialect a payload has, and the readings of its fields.

Staging may run the documented or the deployed application, so the dialect is recognised by the fields that are
there, never configured. Fields beyond a dialect are ignored.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.application.envelope import Payload
from exporter.application.fields import Field, Values, read
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import Reading

# One endpoint publishes at most this many series. The dialects promise seven at most; the rest is for health checks
# that a later release adds, as many as sampling.label_limit allows other labels by default.
MAX_READINGS = 20


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """The result of one endpoint: `useful` when at least one known field was well-formed; `problems` are messages."""

    readings: tuple[Reading, ...]
    problems: tuple[str, ...]
    useful: bool


def _nothing(_values: Values, _payload: Payload) -> Iterable[Reading]:
    return ()


@dataclass(frozen=True, slots=True)
class PayloadDialect:
    """One form of an endpoint's payload.

    `fields` are read, `unread` only help to recognise it, `derive` computes readings from several fields.
    """

    fields: tuple[Field, ...]
    unread: tuple[str, ...] = ()
    derive: Callable[[Values, Payload], Iterable[Reading]] = _nothing

    def matching_fields(self, payload: Payload) -> int:
        """How many of its top-level fields the payload has."""
        return len(payload.keys() & {*(field.path.partition(".")[0] for field in self.fields), *self.unread})


def interpret(dialects: Sequence[PayloadDialect], payload: Payload) -> EndpointResult:
    """The readings and problems of a payload in one of these dialects.

    Shape: no two readings of the same series; at most MAX_READINGS. Problems are bounded by the dialect's table.
    """
    # max() keeps the first of equals: a payload that fits both equally is read as documented.
    dialect = max(dialects, key=lambda candidate: candidate.matching_fields(payload))
    if not dialect.matching_fields(payload):
        return EndpointResult((), ("none of the known fields; check application.url",), useful=False)
    values, problems = read(payload, dialect.fields)
    readings = distinct((*_direct(dialect.fields, values), *dialect.derive(values, payload)))
    if len(readings) > MAX_READINGS:
        problems = (*problems, f"more than {MAX_READINGS} series; the rest is left out")
    return EndpointResult(readings[:MAX_READINGS], problems, useful=bool(values))


def _direct(fields: Iterable[Field], values: Values) -> Iterator[Reading]:
    for field in fields:
        if field.metric is not None:
            yield from reading(field.metric, values.get(field.path), *field.labels)


def reading(metric: Metric, value: float | None, *labels: str) -> Iterator[Reading]:
    """The reading, or none when the value is unknown."""
    if value is not None:
        yield Reading(metric, value, labels)


def distinct(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The readings without a second one of the same series: the first is kept."""
    first: dict[tuple[str, tuple[str, ...]], Reading] = {}
    for one in readings:
        first.setdefault((one.metric.name, one.labels), one)
    return tuple(first.values())
