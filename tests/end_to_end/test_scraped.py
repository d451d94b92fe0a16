"""The demo scraped by a real Prometheus: the five signals change, and no scrape or sample has an error.

Prometheus asks for OpenMetrics; a second job scrapes through a proxy that asks for the text format. A third scrapes an
exporter that monitors a database without an application.
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
from tests.end_to_end.process_resources import temporary_directory
from tests.end_to_end.program import MetricsResponse, Program, eventually, running, serving_alone
from tests.end_to_end.text_format_proxy import text_format_proxy
from tests.newest import either, require_newest
from tests.prometheus import INTERVAL, SECONDS, PrometheusServer, scraping

log = logging.getLogger(__name__)

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
JOBS = {"openmetrics", "text", "database database_alone"}

SIGNALS = {
    "backlog": "sum by (job) (outbox_pending_jobs)",
    "processing time": 'outbox_last_hour_processing_time_avg_seconds{cohort="created"}',
    "events by source": 'outbox_last_hour_fsm_events{source="API"}',
    "idempotency cache": "sum by (job) (outbox_idempotency_keys)",
    "failure ratio": "outbox_last_hour_failure_ratio",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The demo with its default options."""
    with temporary_directory() as tmpdir:
        directory = tmp_path_factory.mktemp("demo")
        with running(directory, "demo", "--port", "0", TMPDIR=str(tmpdir)) as program:
            yield program
            program.end()


@pytest.fixture(scope="module")
def database_alone(embedded: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """An exporter that monitors a database without an application."""
    directory = tmp_path_factory.mktemp("database_alone")
    with postgres.cloned(embedded) as database, serving_alone(directory, database.dsn()) as program:
        eventually(program.is_ready)
        yield program


@pytest.fixture(scope="module")
def jobs(demo: Program, database_alone: Program) -> Iterator[dict[str, str]]:
    """The URLs to scrape by job, once alerts were evaluated: then every series exists."""
    eventually(lambda: all("outbox_alert_firing" in each.scrape() for each in (demo, database_alone)), seconds=30)
    with text_format_proxy(demo.url()) as text:
        yield {"openmetrics": demo.url(), "text": text, "database database_alone": database_alone.url()}


@pytest.fixture(scope="module")
def debian_prometheus(jobs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Debian's Prometheus, scraping."""
    with scraping(tmp_path_factory.mktemp("debian"), jobs) as server:
        yield server


@pytest.fixture(scope="module")
def newest_prometheus(jobs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """The newest Prometheus, scraping."""
    with scraping(tmp_path_factory.mktemp("newest"), jobs, require=require_newest) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _both_started_early(request: pytest.FixtureRequest) -> None:
    """Starts both before the first test; a missing program is reported by the tests that need it."""
    for name in ("debian_prometheus", "newest_prometheus"):
        with suppress(pytest.skip.Exception, pytest.fail.Exception):
            request.getfixturevalue(name)


@pytest.fixture(scope="module", params=["debian_prometheus", "newest_prometheus"])
def scraped_prometheus(request: pytest.FixtureRequest) -> PrometheusServer:
    """A Prometheus that has scraped for SECONDS."""
    server = request.getfixturevalue(request.param)
    assert isinstance(server, PrometheusServer)

    def counts() -> dict[str, float]:
        return server.by_job("count_over_time(up[1h])")

    # Prometheus starts scraping five seconds after its start.
    eventually(lambda: set(counts()) == JOBS and min(counts().values()) > SECONDS / INTERVAL, seconds=2 * SECONDS + 8)
    return server


def now(scrape: MetricsResponse) -> dict[str, float | None]:
    """The five signals, with events by source; None where there is no series."""
    sources = ("API", "QUEUE", "WORKER")
    return {
        "backlog": scrape.sum("outbox_pending_jobs") if "outbox_pending_jobs" in scrape else None,
        "processing time": scrape.get("outbox_last_hour_processing_time_avg_seconds", cohort="created"),
        **{f"events {source}": scrape.get("outbox_last_hour_fsm_events", source=source) for source in sources},
        "idempotency cache": scrape.sum("outbox_idempotency_keys") if "outbox_idempotency_keys" in scrape else None,
        "failure ratio": scrape.get("outbox_last_hour_failure_ratio"),
    }


def test_the_five_signals_change_within_a_minute(demo):
    """Each signal is on /metrics in every scrape, and its value changes within a minute."""
    eventually(lambda: all(collector["runs"] for collector in demo.status()["collectors"]))
    seen: list[dict[str, float | None]] = []

    def have_changed() -> bool:
        seen.append(now(demo.scrape()))
        return all(len({then[name] for then in seen}) > 1 for name in seen[0])

    eventually(have_changed, seconds=55)
    assert not any(value is None for then in seen for value in then.values())
    assert "level=error" not in demo.log


def test_openmetrics_parses(demo, database_alone):
    """By the client library's strict parser, with the main families."""
    for program in (demo, database_alone):
        answer = webtools.get(f"{program.url()}/metrics", headers={"Accept": OPENMETRICS})
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        names = {family.name for family in openmetrics(answer.text)}  # type: ignore[no-untyped-call]  # the library's parser is not typed
        assert {"outbox_pending_jobs", "outbox_fsm_events", "outbox_processing_time_seconds", "outbox_up"} <= names


@either
def test_promtool_reports_nothing(demo, database_alone, require):
    """`promtool check metrics` prints nothing, with and without an application."""
    promtool = require("promtool")
    for program in (demo, database_alone):
        text = webtools.get(f"{program.url()}/metrics").content
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_no_scrape_fails(scraped_prometheus):
    """`up` is 1 throughout, and the number of samples is about the same each time."""
    assert scraped_prometheus.by_job("min_over_time(up[1h])") == dict.fromkeys(JOBS, 1.0)
    least = scraped_prometheus.by_job("min_over_time(scrape_samples_scraped[1h])")
    most = scraped_prometheus.by_job("max_over_time(scrape_samples_scraped[1h])")
    assert all(least[job] > 100 for job in JOBS)
    # Ages and ratios exist only while there are jobs for them: a few series.
    assert all(most[job] - least[job] < 20 for job in JOBS)
    assert all(target["lastError"] == "" for target in scraped_prometheus.targets())
    figures = ("count_over_time(up[1h])", "max_over_time(scrape_duration_seconds[1h])")
    log.info("scrapes and the slowest in seconds: %s", [scraped_prometheus.by_job(figure) for figure in figures])
    log.info("samples in a scrape: %s to %s", least, most)


def test_no_sample_is_out_of_order_or_duplicate(scraped_prometheus):
    """By Prometheus' own counters and in its log."""
    assert "Server is ready" in scraped_prometheus.program.log
    own = MetricsResponse.parse(webtools.get(f"{scraped_prometheus.url}/metrics").text)
    for what in ("duplicate_timestamp", "out_of_order", "out_of_bounds"):
        assert own.value(f"prometheus_target_scrapes_sample_{what}_total") == 0
    assert own.value("prometheus_target_scrapes_exceeded_sample_limit_total") == 0
    assert own.value("prometheus_tsdb_out_of_order_samples_total", type="float") == 0
    assert scraped_prometheus.log_warnings() == []


@pytest.mark.parametrize(
    ("line", "is_warning"),
    [
        ('ts=2026-11-30T06:00:00Z caller=main.go:1 level=info msg="ready"', False),
        ('time=2026-11-30T06:00:00Z level=DEBUG source=main.go:1 msg="ready"', False),
        ('ts=2026-11-30T06:00:00Z caller=scrape.go:1 level=warn msg="Error on ingesting samples"', True),
        ('time=2026-11-30T06:00:00Z level=WARN source=scrape.go:1 msg="Error on ingesting samples"', True),
        ("panic: runtime error", True),
    ],
)
def test_log_warnings_leave_out_information(line, is_warning):
    """In the log formats of Prometheus 2 and 3."""
    server = PrometheusServer(cast("Program", SimpleNamespace(log=f"{line}\n")), "")
    assert server.log_warnings() == ([line] if is_warning else [])


@pytest.mark.parametrize("signal", SIGNALS)
def test_prometheus_answers_with_the_signal(scraped_prometheus, signal):
    """In both formats. Without processed or failing jobs, as in the empty database, two signals do not exist."""
    answers = scraped_prometheus.by_job(SIGNALS[signal])
    assert {"openmetrics", "text"} <= set(answers)
    assert ("database database_alone" in answers) == (signal not in {"processing time", "failure ratio"})


def test_counters_have_rates(scraped_prometheus):
    """The counters of the demo increase, in both formats."""
    for rate in ("outbox_fsm_events_total{source='API'}", "outbox_processed_jobs_total"):
        rates = scraped_prometheus.by_job(f"increase({rate}[1h])")
        assert rates["openmetrics"] > 0
        assert rates["text"] > 0


def test_both_formats_were_scraped(demo):
    """The proxy answers with the text format."""
    with text_format_proxy(demo.url()) as url:
        answer = webtools.get(f"{url}/metrics", headers={"Accept": OPENMETRICS})
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/plain")
