"""From readings to the bytes of a scrape, in the client library's words, as few of them anew as possible."""

import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.catalogue import CATALOGUE, Metric
from exporter.metrics.exposition import Group, OutboxCollector, filled
from exporter.metrics.readings import Distribution, Reading

Encode = Callable[[Collector | CollectorRegistry], bytes]
# How OpenMetrics ends; the text format ends without a word.
END = b"# EOF\n"
_COMMENTS = re.compile(rb"\A(?:#[^\n]*\n)+")
# So many stencils are kept: some hundreds are in use, and an application may never stop inventing names.
MAX_TEMPLATES = 4096


class ExpositionEncoder:
    """Turns everything there is into the bytes of a scrape.

    What the board says changes only with a sample, so it is put into words once and printed again until then.
    `encode` is one of the client library's, `form` the content type it makes.
    """

    def __init__(self, outbox: OutboxCollector, process: CollectorRegistry) -> None:
        self._outbox = outbox
        self._process = process
        self._printed: tuple[Hashable, dict[str, bytes]] = (None, {})
        self._writers: dict[str, _FormatEncoder] = {}

    def __call__(self, encode: Encode, form: str) -> bytes:
        """The whole exposition."""
        state_key = self._outbox.state_key()
        if self._printed[0] != state_key:
            self._printed = (state_key, {})
        by_form = self._printed[1]
        writer = self._writers.get(form)
        if writer is None:
            writer = self._writers[form] = _FormatEncoder(encode)
        if form not in by_form:
            by_form[form] = writer.page(self._outbox.groups())
        return b"".join((by_form[form], *map(writer.family, self._process.collect()), encode(_NOTHING)))


class _FormatEncoder:
    """Writes in one of the library's formats.

    A group of readings that is there again keeps its words. Of a new one only the values are written: the library
    takes 20 microseconds for a line, most of it for what never changes.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._templates: dict[Hashable, _LineTemplate] = {}
        self._heads: dict[Metric, bytes] = {}
        # By the group's address, which none but itself has while it is kept here.
        self._known: dict[int, tuple[Group, dict[Metric, bytes]]] = {}

    def page(self, groups: Iterable[Group]) -> bytes:
        """Families in the catalogue's order, each with the lines of all groups."""
        self._known = {id(group): self._known.get(id(group)) or (group, self._lines(group)) for group in groups}
        families: dict[Metric, list[bytes]] = {}
        for _, lines in self._known.values():
            for metric, text in lines.items():
                families.setdefault(metric, [self._heads[metric]]).append(text)
        return b"".join(chain.from_iterable(families[metric] for metric in CATALOGUE if metric in families))

    def family(self, family: Family) -> bytes:
        """A family of the library's own."""
        key = family.name, tuple((sample.name, *sample.labels.items()) for sample in family.samples)
        template = self._templates.get(key) or self._add_template(key, family)
        return template.head + template.lines([sample.value for sample in family.samples])

    def _lines(self, group: Group) -> dict[Metric, bytes]:
        lines: dict[Metric, list[bytes]] = {}
        for reading in group:
            lines.setdefault(reading.metric, []).append(self._line(reading))
        return {metric: b"".join(each) for metric, each in lines.items()}

    def _line(self, reading: Reading | Distribution) -> bytes:
        key: Hashable = reading.metric, reading.labels
        if isinstance(reading, Reading):
            values: list[float] = [reading.value]
        else:
            key = key, reading.bounds
            counts = list(accumulate(reading.counts))
            values = [*counts, counts[-1], reading.total]
        template = self._templates.get(key)
        if template is None:
            template = self._add_template(key, filled(reading.metric, [reading]))
            self._heads[reading.metric] = template.head
        return template.lines(values)

    def _add_template(self, key: Hashable, family: Family) -> "_LineTemplate":
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        template = self._templates[key] = _LineTemplate.of(family, self._encode(_Alone(family)).removesuffix(END))
        return template


@dataclass(frozen=True, slots=True)
class _LineTemplate:
    """How a family is written: its `head`, and for each of its values what stands before it."""

    head: bytes
    prefixes: tuple[bytes, ...]

    @classmethod
    def of(cls, family: Family, text: bytes) -> "_LineTemplate":
        """What the library wrote of the family. Raises: ValueError when that is not its values, one to a line."""
        values = [sample.value for sample in family.samples]
        head = b"".join(_COMMENTS.findall(text)[:1])
        template = cls(head, tuple(_prefixes(text.removeprefix(head), values)))
        if head + template.lines(values) != text:
            raise ValueError(f"the client library writes {family.name} in another way than is known here")
        return template

    def lines(self, values: list[float]) -> bytes:
        """What follows the head."""
        return b"".join(map(bytes.__add__, self.prefixes, map(_value, values)))


def _prefixes(text: bytes, values: list[float]) -> Iterator[bytes]:
    """What stands before each value: its series, and comments between it and the value before."""
    for value in values:
        prefix, _, text = text.partition(b" " + _value(value))
        yield prefix + b" "


def _value(value: float) -> bytes:
    """How a sample's line ends."""
    return _format_value(value) if value or math.copysign(1, value) > 0 else b"-0.0\n"


# Most values are what they were, or 0, or 1. Not for -0.0, which equals 0 and is written in another way.
@lru_cache(maxsize=1024)
def _format_value(value: float) -> bytes:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return f"{text}\n".encode()


class _Alone(Collector):
    """One family, for an encoder that takes collectors."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """That family."""
        yield self._family


_NOTHING = CollectorRegistry()
