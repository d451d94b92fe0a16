"""How a payload is understood: which dialect it speaks, which readings its fields become.

Staging may run the documented or the deployed application, so the dialect is recognised by the fields that are
there, never configured. What an answer holds beyond its dialect is none of our business.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.application.envelope import Payload
from exporter.application.fields import Field, Values, read
from exporter.model import Reading
from exporter.names import Metric

# One endpoint publishes at most this many series. The dialects promise seven at most; the rest is for health checks
# that a later release adds, as many as sampling.label_limit allows other labels by default.
MOST_READINGS = 20


@dataclass(frozen=True, slots=True)
class Account:
    """What one endpoint told us: `useful` when at least one known field was well-formed; complaints in words."""

    readings: tuple[Reading, ...]
    complaints: tuple[str, ...]
    useful: bool


def _nothing(_values: Values, _payload: Payload) -> Iterable[Reading]:
    return ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One form of an endpoint's payload.

    `fields` are read, `unread` merely help to recognise it, `derive` computes what no single field says.
    """

    fields: tuple[Field, ...]
    unread: tuple[str, ...] = ()
    derive: Callable[[Values, Payload], Iterable[Reading]] = _nothing

    def likeness(self, payload: Payload) -> int:
        """How many of its top-level fields the payload has."""
        return len(payload.keys() & {*(field.path.partition(".")[0] for field in self.fields), *self.unread})


def interpret(dialects: Sequence[Dialect], payload: Payload) -> Account:
    """What a payload says that speaks one of these dialects.

    Shape: no two readings of the same series; at most MOST_READINGS. Complaints are bounded by the dialect's table.
    """
    # max() keeps the first of equals: a payload that fits both equally is read as documented.
    dialect = max(dialects, key=lambda candidate: candidate.likeness(payload))
    if not dialect.likeness(payload):
        return Account((), ("none of the known fields; check application.url",), useful=False)
    values, complaints = read(payload, dialect.fields)
    readings = distinct((*_direct(dialect.fields, values), *dialect.derive(values, payload)))
    if len(readings) > MOST_READINGS:
        complaints = (*complaints, f"more than {MOST_READINGS} series; the rest is left out")
    return Account(readings[:MOST_READINGS], complaints, useful=bool(values))


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
