"""A lab in which every fault of the dashboards happens within a minute, and a Prometheus that scraped it.

The lab with live traffic, the exporter in this process, sampling and evaluating every second with a policy whose
durations are a fiftieth, faults one after the other, and a real Prometheus with the same rules that scrapes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.model import Policy
from alerts.policy.load import load_policy
from alerts.policy.rule_file import rule_file
from exporter.app.run import App
from exporter.config.settings import (
    AlertingSettings,
    ApplicationSettings,
    Config,
    DatabaseSettings,
    SamplingSettings,
    WatchSettings,
    WebSettings,
)
from exporter.core.types import Address, Ratio, Seconds, Secret, Url
from exporter.lab.lab import Lab, LabPlan
from exporter.lab.ports import LOOPBACK
from exporter.migration.maintenance import MaintenanceFile
from tests import webtools
from tests.alerts.pager import run_pager
from tests.dashboards.reading import filled
from tests.end_to_end.program import MetricsResponse, eventually, scrape
from tests.newest import installed
from tests.prometheus import run_prometheus

SCALE: Final = 0.02
STEP: Final = 1
# How long a fault lasts after it is visible, seconds.
SEEN: Final = 3
TIMEOUT: Final = 40
ENDPOINTS: Final = 4

Condition = Callable[[MetricsResponse], bool]


NEWEST_SAMPLE = "max(timestamp(outbox_up))"
MARKERS = ("test:newest_sample:before", "test:newest_sample:after")


@dataclass(frozen=True, slots=True)
class FaultStep:
    """Faults at the same time, until all of these hold, and `seen` seconds longer."""

    faults: tuple[str, ...]
    until: tuple[Condition, ...]
    seen: float = SEEN


def fires(alert: str) -> Condition:
    """This alert does, by the exporter's own evaluation."""
    return lambda now: now.sum("outbox_alert_firing", alert=alert) > 0


def _database_absent(now: MetricsResponse) -> bool:
    return now.sum("outbox_app_up") == 0


def _rows_unknown(now: MetricsResponse) -> bool:
    return now.get("outbox_collector_success", collector="backlog") == 0 and "outbox_pending_jobs" not in now


PLAY: Final = (
    FaultStep(
        ("poison-rows", "failing-initialisations", "cleanup-dead"),
        (fires("OutboxHeadBlocked"), fires("OutboxJobsExhausted"), fires("OutboxFsmFailureRateHigh")),
    ),
    # The alert may still fire because of the faults before.
    FaultStep(("processor-stalled",), (fires("OutboxStalled"),), 4 * SEEN),
    FaultStep(("application-down",), (_database_absent,)),
    FaultStep(("database-lock",), (_rows_unknown,)),
)


@dataclass(slots=True)
class Recording:
    """The recorded data of Prometheus. Times are Unix seconds; `faults` has each fault's first and last."""

    url: str
    policy: Policy
    began: float
    ended: float = 0.0
    faults: dict[str, tuple[float, float]] = field(default_factory=dict)

    def values(self, expr: str, fault: str | None = None) -> dict[tuple[tuple[str, str], ...], list[float]]:
        """The result of a dashboard's query, by labels: all the time, or during that fault."""
        start, end = self.faults[fault] if fault else (self.began, self.ended)
        asked = filled(expr, __rate_interval="5s", __interval="1s", __interval_ms="1000")
        answer = self.ask("query_range", query=asked, start=start, end=end, step=STEP)
        return {labels_of(one["metric"]): [float(value) for _, value in one["values"]] for one in answer}

    def at(self, expr: str, moment: float) -> dict[tuple[tuple[str, str], ...], float]:
        """The result at this moment."""
        answer = self.ask("query", query=filled(expr), time=moment)
        return {labels_of(one["metric"]): float(one["value"][1]) for one in answer}

    def ask(self, what: str, **parameters: Any) -> list[Any]:
        """The result of a query. Fails with Prometheus' own message."""
        answer = webtools.get(f"{self.url}/api/v1/{what}", params=parameters).json()
        assert answer["status"] == "success", f"{answer}\n{parameters['query']}"
        result: list[Any] = answer["data"]["result"]
        return result


def labels_of(metric: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those of a series without its name."""
    return tuple(sorted((name, value) for name, value in metric.items() if name != "__name__"))


@contextmanager
def played(directory: Path) -> Iterator[dict[str, Recording]]:
    """The recordings of each installed Prometheus after the faults, by source; the servers still run."""
    policy = load_policy(time_scale=SCALE, interval=STEP)
    with Lab(LabPlan(rate=20.0, max_poll_interval=1.0)) as lab, run_pager() as pager:
        app = App(lambda: _config(lab, pager.url, directory))
        app.start()
        try:
            with ExitStack() as stack:
                urls = {
                    source: stack.enter_context(_prometheus(binary, directory / source, policy, app.url))
                    for source, binary in installed("prometheus").items()
                }
                recordings = {source: Recording(url, policy, time.time()) for source, url in urls.items()}
                faults = _run_faults(list(recordings.values()), lab, app, MaintenanceFile(directory / "state"))
                for recording in recordings.values():
                    recording.ended, recording.faults = time.time(), faults
                yield recordings
        finally:
            app.stop()


def _run_faults(
    recordings: list[Recording], lab: Lab, app: App, maintenance_file: MaintenanceFile
) -> dict[str, tuple[float, float]]:
    """Every act; answers with the first and the last moment of each fault."""
    faults: dict[str, tuple[float, float]] = {}

    def see(condition: Condition) -> None:
        eventually(lambda: _ticked(app) and condition(scrape(app.url)), seconds=TIMEOUT)

    def stay(seconds: float) -> None:
        end = time.monotonic() + seconds
        see(lambda _: time.monotonic() > end)

    see(lambda now: now.all_collectors_succeed and now.get("outbox_watch_state", state="running") == 1)
    eventually(lambda: all(recording.at("up", time.time()) for recording in recordings), seconds=TIMEOUT)
    stay(2 * SEEN)
    for act in PLAY:
        began = time.time()
        for fault in act.faults:
            lab.start_fault(fault)
        for condition in act.until:
            see(condition)
        stay(act.seen)
        faults |= dict.fromkeys(act.faults, (began, time.time()))
        for fault in act.faults:
            lab.stop_fault(fault)
        see(lambda now: now.all_collectors_succeed and now.sum("outbox_app_up") == ENDPOINTS)
    maintenance_file.start(time.time(), 60, "for a test")
    see(lambda now: now.get("outbox_maintenance_active") == 1)
    stay(SEEN)
    maintenance_file.end(time.time())
    return faults


def _ticked(app: App) -> bool:
    """The periodic work of the main thread."""
    app.tick()
    time.sleep(0.2)
    return True


def _config(lab: Lab, webhook: str, directory: Path) -> Config:
    return Config(
        database=DatabaseSettings(dsn=Secret(lab.dsn), lock_timeout=Seconds(0.05)),
        application=ApplicationSettings(url=Url(lab.application_url), timeout=Seconds(0.5)),
        sampling=SamplingSettings(interval=Seconds(STEP), budget_ratio=Ratio(1), rows_per_second=1_000_000),
        web=WebSettings(listen=Address(f"{LOOPBACK}:0")),
        watch=WatchSettings(state_dir=directory / "state", start=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())),
        alerting=AlertingSettings(webhook_url=Url(webhook), time_scale=Ratio(SCALE)),
    )


def _with_markers(rules: str) -> str:
    """The rules, with the newest sample recorded before the first and after the last one."""
    document = yaml.safe_load(rules)
    (group,) = document["groups"]
    before, after = ({"record": marker, "expr": NEWEST_SAMPLE} for marker in MARKERS)
    group["rules"] = [before, *group["rules"], after]
    return str(yaml.safe_dump(document, sort_keys=False))


@contextmanager
def _prometheus(binary: Path, directory: Path, policy: Policy, target: str) -> Iterator[str]:
    directory.mkdir()
    (directory / "rules.yaml").write_text(_with_markers(rule_file(policy)))
    config = {
        "global": {"scrape_interval": f"{STEP}s", "scrape_timeout": f"{STEP}s", "evaluation_interval": f"{STEP}s"},
        "rule_files": [str(directory / "rules.yaml")],
        "scrape_configs": [
            {"job_name": policy.job, "static_configs": [{"targets": [target.removeprefix("http://")]}]},
        ],
    }
    with run_prometheus(binary, directory, config) as server:
        yield server.url
