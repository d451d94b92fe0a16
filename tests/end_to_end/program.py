"""Runs the installed command in a clean environment, with its output in files."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests import webtools

# Prefixes of variables that would make the program use other servers than the test's, or refuse to start.
_EXCLUDED_PREFIXES: Final = ("PG", "OUTBOX_EXPORTER_", "http", "HTTP", "no_proxy", "NO_PROXY")
_URL: Final = re.compile(r"https?://(?:127\.0\.0\.1|localhost):\d+(?=[/\s\"])")

# The collectors that read rows.
COLLECTORS: Final = ("backlog", "throughput", "last_hour", "events", "idempotency")

Value = TypeVar("Value")
Series = dict[tuple[str, ...], float]


def command() -> str:
    """The console script of the interpreter that runs the tests."""
    found = shutil.which("outbox-exporter", path=sysconfig.get_path("scripts"))
    assert found, "the distribution is not installed: pip install -e '.[dev]'"
    return found


def environment(**more: str) -> dict[str, str]:
    """This process' environment without the variables that configure the program, and with `more`."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(_EXCLUDED_PREFIXES)}
    return {**mine, **more}


def run(
    *arguments: str, stdin: str | None = None, timeout: float = 90, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end, for `timeout` seconds at most; `variables` are added to its environment."""
    return subprocess.run(
        [command(), *arguments],
        env=environment(**variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def write_config(path: Path, **sections: Mapping[str, Any]) -> Path:
    """Writes a configuration file; answers with its path."""
    path.write_text(yaml.safe_dump({name: dict(keys) for name, keys in sections.items()}))
    return path


def eventually(question: Callable[[], Value], seconds: float = 15) -> Value:
    """Waits for a true answer, and returns it; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not within {seconds} s; the last answer was {answer!r}"
        time.sleep(0.05)
    return answer


@dataclass(frozen=True, slots=True)
class MetricsResponse:
    """One answer of /metrics, parsed by the client library: values by sample name and sorted labels."""

    series: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]

    @classmethod
    def parse(cls, text: str) -> MetricsResponse:
        series: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labelled = series.setdefault(sample.name, {})
                labels = tuple(sorted(sample.labels.items()))
                assert labels not in labelled, f"{sample.name}{labels} twice"
                labelled[labels] = sample.value
        return cls(series)

    def get(self, name: str, **labels: str) -> float | None:
        """The value of the series with exactly these labels; None when there is none."""
        return self.series.get(name, {}).get(tuple(sorted(labels.items())))

    def value(self, name: str, **labels: str) -> float:
        """The value of the series with exactly these labels; fails when there is none."""
        found = self.get(name, **labels)
        assert found is not None, f"no {name}{labels}"
        return found

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the series of that name that have at least these labels; 0 when there is none."""
        wanted = labels.items()
        return sum(value for found, value in self.series.get(name, {}).items() if wanted <= dict(found).items())

    @property
    def all_collectors_succeed(self) -> bool:
        """Whether the last run of each collector that reads rows has succeeded."""
        return all(self.get("outbox_collector_success", collector=name) == 1 for name in COLLECTORS)

    def __contains__(self, name: str) -> bool:
        return name in self.series


def scrape(url: str) -> MetricsResponse:
    """The present answer of /metrics."""
    answer = webtools.get(f"{url}/metrics")
    assert answer.status_code == 200
    return MetricsResponse.parse(answer.text)


@dataclass(frozen=True, slots=True)
class Program:
    """A running program; its output is in the files `out` and `err`."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def log(self) -> str:
        """Its standard error so far."""
        return self.err.read_text()

    @property
    def printed(self) -> str:
        """Its standard output so far."""
        return self.out.read_text()

    def url(self) -> str:
        """The URL that it serves; waits until it has printed or logged it."""

        def announced_url() -> str | None:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log}"
            found = _URL.search(self.printed + self.log)
            return found.group() if found else None

        found = eventually(announced_url)
        assert found is not None
        return found

    def scrape(self) -> MetricsResponse:
        """The present answer of its /metrics."""
        return scrape(self.url())

    def status(self) -> Any:
        """The present document of /api/v1/status."""
        return json.loads(webtools.get(f"{self.url()}/api/v1/status").text)

    def is_ready(self) -> bool:
        """Whether /-/ready answers 200."""
        return webtools.get(f"{self.url()}/-/ready").status_code == 200

    def end(self, number: signal.Signals = signal.SIGTERM, *, timeout: float = 10) -> float:
        """Sends a signal and waits up to `timeout` seconds for the end; answers with the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout)
        return time.monotonic() - started


@contextmanager
def running(directory: Path, *arguments: str, **variables: str) -> Iterator[Program]:
    """The program in its own process group, as a shell starts it; killed at the end of the block."""
    with started([command(), *arguments], directory, environment(**variables)) as program:
        yield program


@contextmanager
def serving_alone(directory: Path, dsn: str) -> Iterator[Program]:
    """An exporter that samples a database every second, without an application; ended at the end of the block."""
    config = write_config(
        directory / "config.yaml",
        database={"dsn": dsn},
        sampling={"interval": "1s"},
        web={"listen": "127.0.0.1:0"},
    )
    with running(directory, "--config", str(config), "serve") as program:
        yield program
        program.end()


@contextmanager
def started(arguments: Sequence[str | Path], directory: Path, environ: Mapping[str, str]) -> Iterator[Program]:
    """Any program, started and ended like that."""
    name = Path(arguments[0]).name
    out, err = directory / f"{name}.out", directory / f"{name}.err"
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(
            arguments, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
    try:
        yield Program(process, out, err)
    finally:
        process.kill()
        process.wait()
