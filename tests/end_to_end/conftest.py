"""A demo, an exporter without an application, and a Prometheus that scrapes both while all other tests here run.

demo        a demo as a stranger starts it
alone       an exporter that watches a database, with no application to ask
scraping    Prometheus, at work since the first test of this package
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.lab.cluster import Cluster
from tests import postgres
from tests.end_to_end import prometheus
from tests.end_to_end.program import Program, eventually, running, write_config
from tests.end_to_end.prometheus import Prometheus
from tests.end_to_end.textonly import as_text
from tests.end_to_end.traces import temporary_directory
from tests.requirements import require_program


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """What a stranger sees who typed the one command."""
    with temporary_directory() as tmpdir:
        directory = tmp_path_factory.mktemp("demo")
        with running(directory, "demo", "--port", "0", TMPDIR=str(tmpdir)) as program:
            yield program
            program.end()


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def scraping(demo: Program, alone: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus at work."""
    require_program("prometheus")
    eventually(demo.is_ready)
    with as_text(demo.url()) as text:
        jobs = {"openmetrics": demo.url(), "text": text, "database alone": alone.url()}
        with prometheus.scraping(tmp_path_factory.mktemp("prometheus"), jobs) as server:
            yield server


@pytest.fixture(scope="package", autouse=True)
def _in_the_background(request: pytest.FixtureRequest) -> None:
    """Begin early where scrapes will be looked at; what the machine lacks is told by the tests that need it."""
    if not any("seasoned" in getattr(item, "fixturenames", ()) for item in request.session.items):
        return
    try:
        request.getfixturevalue("scraping")
    except (pytest.skip.Exception, pytest.fail.Exception):
        return
