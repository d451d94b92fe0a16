"""From metric families to the bytes of a scrape, with the client library's words, as few of them anew as possible."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.exposition import Gathered, OutboxCollector, filled, gather
from exporter.model import Distribution, Reading
from exporter.names import Metric

Encode = Callable[[Collector | CollectorRegistry], bytes]
# What tells the series of a family apart, and the value of each.
Series = Sequence[Hashable | tuple[str, Mapping[str, str]]]
Values = Sequence[float | Distribution]
# How OpenMetrics ends; the text format ends without a word.
END = b"# EOF\n"


class Printer:
    """Turns everything there is into the bytes of a scrape.

    What the board says changes only with a sample, so it is put into words once and printed again until then. Of what
    it says little changes then, so a family whose values are the same keeps its words, and one whose series are the
    same those of its series. `encode` is one of the client library's, `form` the content type it makes.
    """

    def __init__(self, outbox: OutboxCollector, process: CollectorRegistry) -> None:
        self._outbox = outbox
        self._process = process
        self._printed: tuple[Hashable, dict[str, bytes]] = (None, {})
        self._words: dict[tuple[str, str], _Words] = {}

    def __call__(self, encode: Encode, form: str) -> bytes:
        """The whole exposition."""
        edition = self._outbox.edition()
        if self._printed[0] != edition:
            self._printed = (edition, {})
        by_form = self._printed[1]
        if form not in by_form:
            gathered = gather(self._outbox.readings())
            by_form[form] = b"".join(self._put(_Said.by_readings(*each), encode, form) for each in gathered)
        process = (self._put(_Said.by_family(family), encode, form) for family in self._process.collect())
        return b"".join((by_form[form], *process, encode(_NOTHING)))

    def _put(self, said: "_Said", encode: Encode, form: str) -> bytes:
        key = (form, said.name)
        known = self._words.get(key)
        if known is None or known.values != said.values or known.series != said.series:
            known = (known and known.with_values(said)) or _Words.of(said, encode)
            self._words[key] = known
        return known.text


@dataclass(frozen=True, slots=True)
class _Said:
    """What a family says: the value of each of its series, by what tells the series apart. `family` makes the whole."""

    name: str
    series: Series
    values: Values
    family: Callable[[], Family]

    @classmethod
    def by_readings(cls, metric: Metric, readings: Gathered) -> "_Said":
        values = [each.value if isinstance(each, Reading) else each for each in readings]
        return cls(metric.name, [each.labels for each in readings], values, lambda: filled(metric, readings))

    @classmethod
    def by_family(cls, family: Family) -> "_Said":
        series = [(sample.name, sample.labels) for sample in family.samples]
        return cls(family.name, series, [sample.value for sample in family.samples], lambda: family)


@dataclass(frozen=True, slots=True)
class _Words:
    """A family in words, and `stems`: the lines of its samples without their values, when each series has one."""

    series: Series
    values: Values
    text: bytes
    head: bytes = b""
    stems: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, said: _Said, encode: Encode) -> "_Words":
        text = encode(_Alone(said.family())).removesuffix(END)
        lines = text.splitlines(keepends=True)
        head, samples = lines[: -len(said.values)], lines[-len(said.values) :]
        stems = tuple(_stems(samples, said.values))
        words = cls(said.series, said.values, text)
        return replace(words, head=b"".join(head), stems=stems) if len(stems) == len(said.values) else words

    def with_values(self, said: _Said) -> "_Words | None":
        """The same series with these values; None when they are not the same, or not one line each.

        The library takes 20 microseconds for a line, most of it for what does not change.
        """
        if said.series != self.series or not self.stems:
            return None
        lines = map(bytes.__add__, self.stems, map(_value, said.values))
        return _Words(said.series, said.values, self.head + b"".join(lines), self.head, self.stems)


def _stems(lines: Iterable[bytes], values: Values) -> Iterator[bytes]:
    """Each line without its value; fewer of them when one does not end with it."""
    for line, value in zip(lines, values, strict=False):
        if not isinstance(value, Distribution) and line.endswith(b" " + _value(value)):
            yield line.removesuffix(_value(value))


def _value(value: float | Distribution) -> bytes:
    """How a sample's line ends; a distribution has several."""
    text: str = "" if isinstance(value, Distribution) else floatToGoString(value)  # type: ignore[no-untyped-call]
    return f"{text}\n".encode()


class _Alone(Collector):
    """One family, for an encoder that takes collectors."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """That family."""
        yield self._family


_NOTHING = CollectorRegistry()
