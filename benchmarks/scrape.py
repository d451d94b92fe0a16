"""Scrapes like Prometheus, and reads the exposition."""

import gzip
import http.client
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from exporter.lab.ports import LOOPBACK

# The headers of Prometheus 2.42 (scrape/scrape.go).
HEADERS: Final = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
_SAMPLE: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_PAUSE: Final = 0.01


@dataclass(frozen=True, slots=True)
class ScrapedSample:
    """One line of an exposition."""

    name: str
    labels: dict[str, str]
    value: float


class Scraper:
    """Scrapes one exporter on a keep-alive connection, as Prometheus does. A context manager. `timeout` in seconds."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)

    def scrape(self) -> str:
        """The text of /metrics. Raises: OSError, http.client.HTTPException."""
        try:
            return self._request_once()
        except ConnectionError:  # an exporter may close an idle connection
            return self._request_once()

    def _request_once(self) -> str:
        try:
            self._connection.request("GET", "/metrics", headers=HEADERS)
            answer = self._connection.getresponse()
            body = answer.read()
        except BaseException:
            self._connection.close()
            raise
        if answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"/metrics has status {answer.status}")
        return (gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def scrape(port: int) -> str:
    """One scrape on a connection of its own. Raises: OSError, http.client.HTTPException."""
    with Scraper(port) as scraper:
        return scraper.scrape()


def samples(text: str) -> Iterator[ScrapedSample]:
    """The samples of an exposition in either format. Label values with quotes, which are not ours, are truncated."""
    for line in text.splitlines():
        if not line.startswith("#") and (match := _SAMPLE.match(line)):
            yield ScrapedSample(match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"]))


def is_complete(text: str, names: tuple[str, ...]) -> bool:
    """Whether every metric of `names` has a sample."""
    return set(names) <= {sample.name for sample in samples(text)}


def wait_until_complete(port: int, names: tuple[str, ...], timeout: float, check: Callable[[], object]) -> float:
    """The monotonic time at which all of `names` have samples; without names, of the first response.

    `check` is called before each scrape. Raises: RuntimeError after `timeout` seconds, and what `check` raises.
    """
    deadline = time.monotonic() + timeout
    while (now := time.monotonic()) < deadline:
        check()
        try:
            if is_complete(scrape(port), names):
                return time.monotonic()
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        time.sleep(max(0.0, _PAUSE - (time.monotonic() - now)))
    raise RuntimeError(f"/metrics never had all of: {', '.join(names) or 'any response'}")
