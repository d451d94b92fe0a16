"""The program as an object: its pages, its readiness, and that a reload changes all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.app.run import App
from exporter.config.settings import (
    ApplicationSettings,
    Config,
    DatabaseSettings,
    SamplingSettings,
    WatchSettings,
    WebSettings,
)
from exporter.core.errors import ConfigError
from exporter.core.types import Address, Ratio, Seconds, Secret, Url
from exporter.lab.ports import free_port
from tests import webtools
from tests.end_to_end.program import MetricsResponse, eventually, scrape
from tests.postgres import Database

RELOADED = "outbox_exporter_config_last_reload_successful"

# Failures for the database alone: five collectors of rows, two of metadata.
COLLECTORS = 8


def configuration(dsn: str, **web: Any) -> Config:
    return Config(
        database=DatabaseSettings(dsn=Secret(dsn)),
        sampling=SamplingSettings(interval=Seconds(0.2), budget_ratio=Ratio(1)),
        web=WebSettings(listen=Address("127.0.0.1:0"), **web),
    )


@contextmanager
def started(load: Callable[[], Config]) -> Iterator[App]:
    app = App(load)
    app.start()
    try:
        yield app
    finally:
        app.stop()


@pytest.fixture
def config(embedded_database: Database) -> Config:
    return configuration(embedded_database.dsn())


def unreachable_config() -> Config:
    """A database that refuses connections."""
    return configuration(f"host=127.0.0.1 port={free_port()}")


class Loader:
    """Returns the configured result next: a configuration or its problems."""

    def __init__(self, config: Config) -> None:
        self.next: Config | ConfigError = config

    def __call__(self) -> Config:
        if isinstance(self.next, ConfigError):
            raise self.next
        return self.next


def scrape_metrics(app: App) -> MetricsResponse:
    return scrape(app.url)


def test_a_wrong_configuration_is_refused_before_anything_starts():
    """With its problems; there is no server and no thread to take down."""
    before = threading.active_count()
    loader = Loader(unreachable_config())
    loader.next = ConfigError(("c.yaml:1: sampling.interval: expected a duration",))
    with pytest.raises(ConfigError, match="expected a duration"):
        App(loader)
    assert threading.active_count() == before


def test_not_ready_until_the_first_sample(config):
    """Before it, while it is under way, and after it: three different answers."""
    app = App(lambda: config)
    assert app.ready() == (False, "not ready: the first database sample is under way")
    app.start()
    try:
        ready, why = eventually(lambda: app.ready() if app.ready()[0] else None)  # type: ignore[misc]  # never None
        assert ready
        assert why == "ready: the last database sample succeeded and is fresh"
    finally:
        app.stop()


def test_not_ready_without_a_database():
    """Sampled without success: the message names the page with the reason."""
    with started(unreachable_config) as app:
        eventually(lambda: "status page" in app.ready()[1])
        assert app.ready() == (False, "not ready: no fresh database sample; see the status page")
        assert scrape_metrics(app).value("outbox_up") == 0


def test_it_serves_its_samples(config):
    """Metrics, page and JSON agree, and the exporter's own process is among the metrics."""
    with started(lambda: config) as app:
        eventually(lambda: scrape_metrics(app).sum("outbox_collector_success") == COLLECTORS)
        assert scrape_metrics(app).sum("outbox_pending_jobs") == 0
        assert scrape_metrics(app).value("outbox_exporter_build_info", **_build(app)) == 1
        assert "process_resident_memory_bytes" in scrape_metrics(app)
        assert webtools.get(f"{app.url}/api/v1/status").json()["signals"]["backlog"] == 0
        assert webtools.get(f"{app.url}/").status_code == 200
        assert webtools.get(f"{app.url}/-/ready").status_code == 200


def test_a_directory_that_stores_nothing(config, caplog):
    """One warning at the start says what is lost; page, JSON and a metric have the same."""
    nowhere = replace(config, watch=WatchSettings(state_dir=Path("/proc/nope")))
    with started(lambda: nowhere) as app:
        warnings = [record for record in caplog.records if record.getMessage() == "state is not stored"]
        assert [record.levelname for record in warnings] == ["WARNING"]
        lost = (
            "the watch, declared maintenance, the states of alerts and undelivered notifications are lost at a restart"
        )
        assert warnings[0].__dict__["fields"]["consequence"] == lost
        (notice,) = [each for each in app.status()["notices"] if each["name"] == "state"]
        assert notice["text"] == (
            f"the directory /proc/nope cannot be made in /proc: its file system takes none; {lost}"
        )
        assert scrape_metrics(app).value("outbox_exporter_state_stored") == 0
        assert lost in webtools.get(f"{app.url}/").text


def test_two_exporters_in_one_directory(config, tmp_path, caplog):
    """The second one says that the directory is in use, and what to do; the first one is not disturbed."""
    shared = replace(config, watch=WatchSettings(state_dir=tmp_path))
    with started(lambda: shared) as first:
        assert scrape_metrics(first).value("outbox_exporter_state_stored") == 1
        with started(lambda: shared) as second:
            assert scrape_metrics(second).value("outbox_exporter_state_stored") == 0
            (notice,) = [each for each in second.status()["notices"] if each["name"] == "state"]
            message = f"{tmp_path} is in use by another exporter: give each its own watch.state_dir"
            assert notice["text"].startswith(message)
            assert any(record.__dict__.get("fields", {}).get("reason") == message for record in caplog.records)
        assert scrape_metrics(first).value("outbox_exporter_state_stored") == 1
    with started(lambda: shared) as third:
        assert scrape_metrics(third).value("outbox_exporter_state_stored") == 1


def test_a_changed_file_is_reloaded_if_wanted(config, tmp_path):
    """`tick` looks at the file; a reload for another reason counts as a look."""
    path = tmp_path / "config.yaml"
    path.write_text("1")
    for wanted in (False, True):
        changed = replace(config, web=replace(config.web, reload_on_change=wanted))
        app = App(Loader(changed), path)
        path.write_text(path.read_text() + "2")
        app.tick()
        assert app._reload_requested.is_set() is wanted
        app._reload_requested.clear()
        app.tick()
        assert not app._reload_requested.is_set()
        app.stop()


def _build(app: App) -> dict[str, str]:
    (labels,) = scrape_metrics(app).series["outbox_exporter_build_info"]
    return dict(labels)


def test_a_good_reload_replaces_the_sampling(config):
    """Another database, another interval, an application: by the new configuration from then on, counters from zero."""
    loader = Loader(config)
    with started(loader) as app:
        eventually(lambda: scrape_metrics(app).sum("outbox_collector_runs_total") > 20)
        application = ApplicationSettings(url=Url(f"http://127.0.0.1:{free_port()}"), timeout=Seconds(1))
        loader.next = replace(
            config, application=application, sampling=SamplingSettings(interval=Seconds(7), budget_ratio=Ratio(1))
        )
        app.reload()
        eventually(lambda: scrape_metrics(app).sum("outbox_collector_success") == COLLECTORS)
        now = scrape_metrics(app)
        assert now.value("outbox_collector_interval_seconds", collector="backlog") == 7
        assert now.sum("outbox_app_up") == 0
        assert now.value("outbox_collector_runs_total", collector="backlog") == 1
        assert app.status()["config_reload_successful"] is True


def test_a_bad_reload_changes_nothing_but_a_gauge(config):
    """The old sampling continues, its counters too; the next successful reload resets the gauge."""
    loader = Loader(config)
    with started(loader) as app:
        eventually(lambda: scrape_metrics(app).sum("outbox_collector_success") == COLLECTORS)
        before = scrape_metrics(app)
        loader.next = ConfigError(("c.yaml:1: nonsense",))
        with pytest.raises(ConfigError, match="nonsense"):
            app.reload()
        assert scrape_metrics(app).value(RELOADED) == 0
        runs = "outbox_collector_runs_total"
        assert scrape_metrics(app).sum(runs) >= before.sum(runs)
        eventually(lambda: scrape_metrics(app).sum(runs) > before.sum(runs) + 5)
        assert app.ready()[0]
        loader.next = config
        app.reload()
        assert scrape_metrics(app).value(RELOADED) == 1


def test_reloads_at_once_are_one_after_the_other(config, embedded_database):
    """Ten threads ask: each gets its reload, and in the end one sampling and one session are left."""
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'outbox-exporter'"
    )
    with started(lambda: config) as app:
        asking = [threading.Thread(target=app.reload) for _ in range(10)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        eventually(lambda: app.ready()[0])
        eventually(lambda: embedded_database.value(sessions) == 1)


def test_after_the_end_nothing_is_reloaded(config, embedded_database):
    """A reload after the stop would leave a sampler running."""
    app = App(lambda: config)
    app.start()
    eventually(lambda: app.ready()[0])
    app.stop()
    with pytest.raises(ConfigError, match="stopping"):
        app.reload()
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'outbox-%'"
    )
    eventually(lambda: embedded_database.value(query) == 0)


def test_the_end_waits_for_no_reload(config: Config):
    """Neither for one that hangs over its file nor for those behind it; none of them starts anything any more."""
    go, hanging = threading.Event(), threading.Event()
    refused: list[bool] = []

    def load() -> Config:
        if threading.current_thread() in reloads:
            hanging.set()
            assert go.wait(10)
        return config

    def reload() -> None:
        with pytest.raises(ConfigError, match="the exporter is stopping"):
            app.reload()
        refused.append(True)

    before = set(threading.enumerate())
    reloads = [threading.Thread(target=reload) for _ in range(3)]
    app = App(load)
    app.start()
    for thread in reloads:
        thread.start()
    assert hanging.wait(10)
    app.stop()
    assert not refused
    go.set()
    for thread in reloads:
        thread.join()
    assert len(refused) == 3
    eventually(lambda: not set(threading.enumerate()) - before)


def test_stopping_leaves_no_thread(config):
    """Neither of the scheduler, nor of the pool, nor of the server."""
    before = set(threading.enumerate())
    with started(lambda: config) as app:
        eventually(lambda: app.ready()[0])
    eventually(lambda: not [thread for thread in threading.enumerate() if thread not in before], seconds=5)
