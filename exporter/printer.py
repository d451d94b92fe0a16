"""From metric families to the bytes of a scrape, with the client library's words, as few of them anew as possible."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.exposition import Gathered, OutboxCollector, Readings, filled, gather
from exporter.model import Distribution, Reading
from exporter.names import Metric

Encode = Callable[[Collector | CollectorRegistry], bytes]
# How OpenMetrics ends; the text format ends without a word.
END = b"# EOF\n"


class Printer:
    """Turns everything there is into the bytes of a scrape.

    What the board says changes only with a sample, so it is put into words once and printed again until then. Of what
    it says little changes then, so a family whose readings are the same keeps its words, and one whose series are the
    same those of its series. The process' own metrics are new each time. `encode` is one of the client library's,
    `form` the content type it makes.
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
            by_form[form] = b"".join(self._put(metric, readings, encode, form) for metric, readings in gathered)
        return by_form[form] + encode(self._process)

    def _put(self, metric: Metric, readings: Gathered, encode: Encode, form: str) -> bytes:
        key = (form, metric.name)
        known = self._words.get(key)
        if known is None or known.readings != readings:
            known = (known and known.with_values(readings)) or _Words.of(metric, readings, encode)
            self._words[key] = known
        return known.text


@dataclass(frozen=True, slots=True)
class _Words:
    """A family in words, and `stems`: the lines of its samples without their values, when each reading has one."""

    readings: Gathered
    text: bytes
    head: bytes = b""
    stems: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, metric: Metric, readings: Gathered, encode: Encode) -> "_Words":
        text = encode(_Alone(filled(metric, readings))).removesuffix(END)
        lines = text.splitlines(keepends=True)
        head, samples = lines[: -len(readings)], lines[-len(readings) :]
        stems = tuple(_stems(samples, readings))
        return cls(readings, text, b"".join(head), stems) if len(stems) == len(readings) else cls(readings, text)

    def with_values(self, readings: Gathered) -> "_Words | None":
        """The same series with these values; None when they are not the same, or not one line each.

        The library takes 20 microseconds for a line, most of it for what does not change.
        """
        if [each.labels for each in readings] != [each.labels for each in self.readings] or not self.stems:
            return None
        lines = (stem + _value(each) for stem, each in zip(self.stems, readings, strict=True))
        return replace(self, readings=readings, text=self.head + b"".join(lines))


def _stems(lines: Iterable[bytes], readings: Readings) -> Iterator[bytes]:
    """Each line without its value; fewer of them when one does not end with it."""
    for line, reading in zip(lines, readings, strict=False):
        if isinstance(reading, Reading) and line.endswith(b" " + _value(reading)):
            yield line.removesuffix(_value(reading))


def _value(reading: Reading | Distribution) -> bytes:
    """How a sample's line ends; a distribution has several."""
    if not isinstance(reading, Reading):
        return b""
    text: str = floatToGoString(reading.value)  # type: ignore[no-untyped-call]
    return f"{text}\n".encode()


class _Alone(Collector):
    """One family, for an encoder that takes collectors."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """That family."""
        yield self._family
