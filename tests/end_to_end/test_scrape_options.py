"""Scrape options of Prometheus 3: the metric names and the histogram with each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.end_to_end.program import eventually, serving_alone
from tests.newest import require_newest
from tests.prometheus import PrometheusServer, scraping

SCHEMES: Final = ("allow-utf-8", "underscores", "dots", "values")
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    **{scheme: {"metric_name_escaping_scheme": scheme} for scheme in SCHEMES},
    "plain": {},
    "converted": {"convert_classic_histograms_to_nhcb": True},
    "both": {"convert_classic_histograms_to_nhcb": True, "always_scrape_classic_histograms": True},
}
BUCKETS: Final = "outbox_processing_time_seconds_bucket"


@pytest.fixture(scope="module")
def scraped(embedded: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """The newest Prometheus; it scrapes one exporter with each of these options."""
    require_newest("prometheus")
    directory = tmp_path_factory.mktemp("scraped")
    with postgres.cloned(embedded) as database, serving_alone(directory, database.dsn()) as program:
        eventually(lambda: BUCKETS in program.scrape())
        jobs = dict.fromkeys(OPTIONS, program.url())
        with scraping(directory, jobs, OPTIONS, require_newest) as server:
            eventually(lambda: set(server.by_job("up == 1")) == set(OPTIONS), seconds=30)
            eventually(lambda: len(server.by_job("count_over_time(outbox_up[1m]) > 1")) == len(OPTIONS))
            yield server


def names(server: PrometheusServer, job: str) -> set[str]:
    """The names of the series of a job."""
    found = server.query(f'count by (__name__) ({{job="{job}"}})')
    return {dict(labels)["__name__"] for labels in found}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_our_names_arrive_in_every_escaping_scheme(scraped, scheme):
    """The names are the same with every escaping scheme, so that rules and dashboards work."""
    assert names(scraped, scheme) == names(scraped, "plain")
    assert {"outbox_up", BUCKETS, "process_cpu_seconds_total"} <= names(scraped, scheme)


def test_converted_histograms_keep_their_buckets_only_where_both_are_scraped(scraped):
    """The rules and the heat map need the classic series; docs/alerting.md has the option that keeps them."""
    assert BUCKETS not in names(scraped, "converted")
    assert BUCKETS in names(scraped, "both")
    buckets = f'count by (job) ({BUCKETS}{{job=~"plain|both"}})'
    assert scraped.by_job(buckets)["both"] == scraped.by_job(buckets)["plain"] > 10
