"""The rule manager in its thread and a real Prometheus with the shipped rules, on the same outboxes in real time."""

from __future__ import annotations

import http.server
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.evaluation.rule_manager import ExposedSample, RuleInputs, RuleManager
from alerts.model import Change, Evaluation, Outlet, Policy
from alerts.policy.load import load_policy
from alerts.policy.rule_file import rule_file
from exporter.lab.ports import LOOPBACK
from tests import webtools
from tests.alerts.faulty import FAULTS, FaultyOutbox, Shown
from tests.newest import SOURCES, installed
from tests.prometheus import run_prometheus

logger = logging.getLogger(__name__)

# Thirty times as fast as in earnest, seconds.
SCALE: Final = 1 / 30
INTERVAL: Final = 2.0
SCRAPE: Final = 1.0
TICK: Final = 1.0
# Enough traffic before any fault, whichever of them scraped first.
ARRIVALS: Final = 9
BEGINS, ENDS, LASTS = 8, 46, 50
# An alert that begins later may be detected by one of the two only.
LATE: Final = 5.0

# Alert, severity, outbox.
Name = tuple[str, str, str]


@dataclass(slots=True)
class AgreementSetup:
    """Outboxes with a fault each, in real time, and their evaluations."""

    outboxes: Mapping[str, FaultyOutbox]
    shown: dict[str, list[Shown]] = field(default_factory=dict)
    firing: dict[Name, float] = field(default_factory=dict)
    evaluated: list[float] = field(default_factory=list)

    def tick(self) -> None:
        """All of them, now."""
        now = time.time()
        self.shown = {name: outbox.tick(now) for name, outbox in self.outboxes.items()}

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Record an evaluation of a rule manager."""
        self.evaluated.append(evaluation.at)
        for transition in evaluation.transitions:
            if transition.change is Change.FIRING:
                self.firing.setdefault(named(dict(transition.alert.labels)), transition.at)

    def text(self, name: str) -> bytes:
        """The metrics of one exporter."""
        lines = (f"{metric}{{{','.join(_quoted(labels))}}} {value!r}\n" for metric, labels, value in self.shown[name])
        return "".join(lines).encode()


def _quoted(labels: Mapping[str, str]) -> Iterator[str]:
    return (f'{name}="{value}"' for name, value in labels.items())


def named(labels: Mapping[str, str]) -> Name:
    """Which alert it is, of which outbox; the watchdog is of none."""
    return labels["alertname"], labels["severity"], labels.get("job", "")


@contextmanager
def served(setup: AgreementSetup) -> Iterator[str]:
    """The outboxes under their names; answers with host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = setup.text(self.path.strip("/"))
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{LOOPBACK}:{server.server_port}"
        server.shutdown()


@contextmanager
def prometheus(binary: Path, directory: Path, policy: Policy, target: str, names: list[str]) -> Iterator[str]:
    """A Prometheus with the rules of the policy; answers with its URL."""
    directory.mkdir()
    (directory / "rules.yaml").write_text(rule_file(policy))
    config = {
        "global": {
            "scrape_interval": f"{SCRAPE:.0f}s",
            "scrape_timeout": f"{SCRAPE:.0f}s",
            "evaluation_interval": f"{INTERVAL:.0f}s",
        },
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {"job_name": name, "metrics_path": f"/{name}", "static_configs": [{"targets": [target]}]} for name in names
        ],
    }
    with run_prometheus(binary, directory, config, "--log.level=warn") as server:
        yield server.url


@dataclass(frozen=True, slots=True)
class LiveRun:
    """The alerts of the rule managers and of each Prometheus, by its source; the end in Unix seconds."""

    policy: Policy
    setup: AgreementSetup
    theirs: Mapping[str, tuple[dict[Name, float], float]]
    ended: float


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    """All of it, once, with every Prometheus that is installed."""
    directory = tmp_path_factory.mktemp("lived")
    names = [fault.__name__ for fault in FAULTS]
    now = time.time()
    setup = AgreementSetup(
        {fault.__name__: FaultyOutbox(fault, BEGINS, ENDS, SCALE, now, ARRIVALS) for fault in FAULTS}
    )
    setup.tick()
    with ExitStack() as stack:
        target = stack.enter_context(served(setup))
        policy = load_policy(time_scale=SCALE, interval=INTERVAL)
        urls = {
            source: stack.enter_context(prometheus(binary, directory / source, policy, target, names))
            for source, binary in installed("prometheus").items()
        }
        for name in names:
            start_manager(stack, setup, name, directory)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < LASTS:
            setup.tick()
            time.sleep(max(0.0, TICK - (time.monotonic() - began - passed)))
        ended = time.time()
        return LiveRun(policy, setup, {source: seen_by(url) for source, url in urls.items()}, ended)


@pytest.mark.parametrize("source", SOURCES)
def test_live_within_two_intervals(live_run: LiveRun, source: str) -> None:
    """The same alerts fire for the same outboxes at the same time, give or take two evaluations.

    Prometheus sees a scrape later, and its alerts are made of signals that it recorded up to an interval before.
    """
    SOURCES[source]("prometheus")
    theirs, stall = live_run.theirs[source]
    stall = max([stall, *(after - before for before, after in pairwise(sorted(live_run.setup.evaluated)))])
    tolerance = 2 * INTERVAL + SCRAPE + max(0.0, stall - INTERVAL)
    compare(live_run.policy, live_run.setup.firing, theirs, live_run.ended - LATE, tolerance=tolerance)


def start_manager(stack: ExitStack, setup: AgreementSetup, name: str, directory: Path) -> None:
    """The rule manager of one outbox."""

    def scrape(_wants: object) -> list[ExposedSample]:
        return [(metric, tuple(labels.items()), value) for metric, labels, value in setup.shown[name]]

    policy = load_policy(job=name, time_scale=SCALE, interval=INTERVAL)
    outbox = setup.outboxes[name]
    manager = RuleManager(
        policy, RuleInputs(scrape, lambda: outbox.fresh, outbox.born), directory / name, [setup.on_evaluation]
    )
    manager.start()
    stack.callback(manager.stop)


def seen_by(url: str) -> tuple[dict[Name, float], float]:
    """Since when each alert has been firing in Prometheus, and the longest time that it did not evaluate for."""
    answer: Any = webtools.get(f"{url}/api/v1/query", params={"query": 'ALERTS{alertstate="firing"}[10m]'}).json()
    series = {named(each["metric"]): [float(at) for at, _ in each["values"]] for each in answer["data"]["result"]}
    watchdog = series["OutboxWatchdog", "none", ""]
    firing = {name: times[0] for name, times in series.items()}
    return firing, max(after - before for before, after in pairwise(watchdog))


def compare(
    policy: Policy, ours: Mapping[Name, float], theirs: Mapping[Name, float], until: float, *, tolerance: float
) -> None:
    """The same alerts, at nearly the same times."""
    common = {(rule.key.alert, rule.key.severity.value) for rule in policy.rules if rule.outlets >= set(Outlet)}
    apart = {
        name: (ours.get(name), theirs.get(name))
        for name in ours.keys() | theirs.keys()
        if name[:2] in common and name[2] and min(ours.get(name, until), theirs.get(name, until)) < until
    }
    for name, (mine, other) in sorted(apart.items()):
        assert mine is not None, f"{name} fires in Prometheus alone"
        assert other is not None, f"{name} fires here alone"
        assert abs(mine - other) <= tolerance, f"{name}: {mine - other:+.1f} s, at most {tolerance:.1f} s are expected"
    differences = [mine - other for mine, other in apart.values() if mine is not None and other is not None]
    logger.info("%d alerts, %+.1f to %+.1f s", len(apart), min(differences), max(differences))
    assert len(apart) > 15
