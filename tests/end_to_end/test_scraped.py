"""The demo as a person and a Prometheus see it: five signals that move, and not one sample to complain about.

Prometheus asks for OpenMetrics by itself; a second job asks through a proxy that leaves the text format only. A third
scrapes an exporter that watches a database alone.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from exporter.lab.postgres.cluster import Cluster
from tests import postgres, webtools
from tests.end_to_end import prometheus
from tests.end_to_end.process_resources import temporary_directory
from tests.end_to_end.program import MetricsResponse, Program, eventually, running, write_config
from tests.end_to_end.prometheus import INTERVAL, SECONDS, Prometheus
from tests.end_to_end.text_format_proxy import text_format_proxy
from tests.newest import either, require_newest

log = logging.getLogger(__name__)

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
JOBS = {"openmetrics", "text", "database alone"}

SIGNALS = {
    "backlog": "sum by (job) (outbox_pending_jobs)",
    "processing time": 'outbox_last_hour_processing_time_avg_seconds{cohort="created"}',
    "events by source": 'outbox_last_hour_fsm_events{source="API"}',
    "idempotency cache": "sum by (job) (outbox_idempotency_keys)",
    "failure ratio": "outbox_last_hour_failure_ratio",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """What a stranger sees who typed the one command."""
    with temporary_directory() as tmpdir:
        directory = tmp_path_factory.mktemp("demo")
        with running(directory, "demo", "--port", "0", TMPDIR=str(tmpdir)) as program:
            yield program
            program.end()


@pytest.fixture(scope="module")
def alone(embedded: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """An exporter that watches a database, with no application to ask."""
    directory = tmp_path_factory.mktemp("alone")
    with postgres.cloned(embedded) as database:
        config = write_config(
            directory / "config.yaml",
            database={"dsn": database.dsn()},
            sampling={"interval": "1s"},
            web={"listen": "127.0.0.1:0"},
        )
        with running(directory, "--config", str(config), "serve") as program:
            eventually(program.is_ready)
            yield program
            program.end()


@pytest.fixture(scope="module")
def jobs(demo: Program, alone: Program) -> Iterator[dict[str, str]]:
    """What is scraped, from when everything is there that a scrape can bring: alerts come after a first round."""
    eventually(lambda: all("outbox_alert_firing" in each.scrape() for each in (demo, alone)), seconds=30)
    with text_format_proxy(demo.url()) as text:
        yield {"openmetrics": demo.url(), "text": text, "database alone": alone.url()}


@pytest.fixture(scope="module")
def debian_prometheus(jobs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Debian's Prometheus at work."""
    with prometheus.scraping(tmp_path_factory.mktemp("debian"), jobs) as server:
        yield server


@pytest.fixture(scope="module")
def newest(jobs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Today's Prometheus at work, beside it."""
    with prometheus.scraping(tmp_path_factory.mktemp("newest"), jobs, require=require_newest) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _in_the_background(request: pytest.FixtureRequest) -> None:
    """Begin early, while the first tests run; what the machine lacks is told by those that need it."""
    for name in ("debians", "newest"):
        with suppress(pytest.skip.Exception, pytest.fail.Exception):
            request.getfixturevalue(name)


@pytest.fixture(scope="module", params=["debians", "newest"])
def scraped_prometheus(request: pytest.FixtureRequest) -> Prometheus:
    """Prometheus after it has scraped for as long as asked: on time, failing or not."""
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Prometheus)

    def counts() -> dict[str, float]:
        return server.by_job("count_over_time(up[1h])")

    # It looks for its targets five seconds after its start.
    eventually(lambda: set(counts()) == JOBS and min(counts().values()) > SECONDS / INTERVAL, seconds=2 * SECONDS + 8)
    return server


def now(scrape: MetricsResponse) -> dict[str, float | None]:
    """The five signals, the events of each source singly; None where there is no series."""
    sources = ("API", "QUEUE", "WORKER")
    return {
        "backlog": scrape.sum("outbox_pending_jobs") if "outbox_pending_jobs" in scrape else None,
        "processing time": scrape.get("outbox_last_hour_processing_time_avg_seconds", cohort="created"),
        **{f"events {source}": scrape.get("outbox_last_hour_fsm_events", source=source) for source in sources},
        "idempotency cache": scrape.sum("outbox_idempotency_keys") if "outbox_idempotency_keys" in scrape else None,
        "failure ratio": scrape.get("outbox_last_hour_failure_ratio"),
    }


def test_the_five_signals_are_there_and_move_within_a_minute(demo):
    """All of them on /metrics, all the time, and each takes another value before the minute is over."""
    eventually(lambda: all(collector["runs"] for collector in demo.status()["collectors"]))
    seen: list[dict[str, float | None]] = []

    def have_moved() -> bool:
        seen.append(now(demo.scrape()))
        return all(len({then[name] for then in seen}) > 1 for name in seen[0])

    eventually(have_moved, seconds=55)
    assert not any(value is None for then in seen for value in then.values())
    assert "level=error" not in demo.log


def test_openmetrics_parses(demo, alone):
    """By the client library's strict parser, and it says the same as the text."""
    for program in (demo, alone):
        answer = webtools.get(f"{program.url()}/metrics", headers={"Accept": OPENMETRICS})
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        names = {family.name for family in openmetrics(answer.text)}  # type: ignore[no-untyped-call]  # the library's parser is not typed
        assert {"outbox_pending_jobs", "outbox_fsm_events", "outbox_processing_time_seconds", "outbox_up"} <= names


@either
def test_promtool_has_nothing_to_say(demo, alone, require):
    """`promtool check metrics` is silent: with an application and without."""
    promtool = require("promtool")
    for program in (demo, alone):
        text = webtools.get(f"{program.url()}/metrics").content
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_no_scrape_fails(scraped_prometheus):
    """Up throughout, at every one of the seconds, with about as many samples each time."""
    assert scraped_prometheus.by_job("min_over_time(up[1h])") == dict.fromkeys(JOBS, 1.0)
    least = scraped_prometheus.by_job("min_over_time(scrape_samples_scraped[1h])")
    most = scraped_prometheus.by_job("max_over_time(scrape_samples_scraped[1h])")
    assert all(least[job] > 100 for job in JOBS)
    # An age or a ratio comes and goes with what it is about: a handful of series, no more.
    assert all(most[job] - least[job] < 20 for job in JOBS)
    assert all(target["lastError"] == "" for target in scraped_prometheus.targets())
    figures = ("count_over_time(up[1h])", "max_over_time(scrape_duration_seconds[1h])")
    log.info("scrapes and the slowest in seconds: %s", [scraped_prometheus.by_job(figure) for figure in figures])
    log.info("samples in a scrape: %s to %s", least, most)


def test_no_sample_is_late_early_or_there_twice(scraped_prometheus):
    """Neither by Prometheus' own counters nor in its log."""
    assert "Server is ready" in scraped_prometheus.program.log
    own = MetricsResponse.parse(webtools.get(f"{scraped_prometheus.url}/metrics").text)
    for what in ("duplicate_timestamp", "out_of_order", "out_of_bounds"):
        assert own.value(f"prometheus_target_scrapes_sample_{what}_total") == 0
    assert own.value("prometheus_target_scrapes_exceeded_sample_limit_total") == 0
    assert own.value("prometheus_tsdb_out_of_order_samples_total", type="float") == 0
    assert scraped_prometheus.log_warnings() == []


@pytest.mark.parametrize(
    ("line", "complains"),
    [
        ('ts=2026-11-30T06:00:00Z caller=main.go:1 level=info msg="ready"', False),
        ('time=2026-11-30T06:00:00Z level=DEBUG source=main.go:1 msg="ready"', False),
        ('ts=2026-11-30T06:00:00Z caller=scrape.go:1 level=warn msg="Error on ingesting samples"', True),
        ('time=2026-11-30T06:00:00Z level=WARN source=scrape.go:1 msg="Error on ingesting samples"', True),
        ("panic: runtime error", True),
    ],
)
def test_complaints_are_told_from_information(line, complains):
    """As Prometheus 2 writes its log, and as Prometheus 3 does."""
    server = Prometheus(cast("Program", SimpleNamespace(log=f"{line}\n")), "")
    assert server.log_warnings() == ([line] if complains else [])


@pytest.mark.parametrize("signal", SIGNALS)
def test_prometheus_answers_with_the_signal(scraped_prometheus, signal):
    """The same by either format. Nothing was ever tried in the empty database, so two signals do not exist there."""
    answers = scraped_prometheus.by_job(SIGNALS[signal])
    assert {"openmetrics", "text"} <= set(answers)
    assert ("database alone" in answers) == (signal not in {"processing time", "failure ratio"})


def test_counters_have_rates(scraped_prometheus):
    """What happens in the demo is seen as a rate, by both formats."""
    for rate in ("outbox_fsm_events_total{source='API'}", "outbox_processed_jobs_total"):
        rates = scraped_prometheus.by_job(f"increase({rate}[1h])")
        assert rates["openmetrics"] > 0
        assert rates["text"] > 0


def test_both_formats_were_scraped(demo):
    """The proxy does what this file relies on."""
    with text_format_proxy(demo.url()) as url:
        answer = webtools.get(f"{url}/metrics", headers={"Accept": OPENMETRICS})
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/plain")
