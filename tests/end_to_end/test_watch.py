"""Watches as a pipeline has them, live and scaled down: begun, awaited and reported from the command line.

The installed program stands before a real outbox. Thirty times faster than production, five minutes are ten seconds.
Worlds run side by side, each with one story after the other; what a story came to is judged by the tests below.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan
from tests.end_to_end.program import Program, eventually, run, running, write_config
from tests.proxy import Mode, Proxy

pytestmark = pytest.mark.timeout(600)

SCALE = 1 / 30
INTERVAL = 1.0
DURATION = 60.0
# Five minutes of production: what most budgets allow at a stretch.
BUDGET = 300 * SCALE
RATE = 8.0
# A busy machine may take far longer than a watch does.
DEADLINE = 400.0

PASS, FAIL, INCONCLUSIVE = 0, 1, 3

# The check that each fault of the lab is about.
REASONS = {
    "processor-stalled": "oldest_job",
    "processor-crashed": "oldest_job",
    "poison-rows": "head_blocked",
    "slow-processing": "oldest_job",
    "failing-initialisations": "initialisations",
    "application-down": "application_answers",
    "database-lock": "outbox_readable",
    "cleanup-dead": "expired_keys",
}


@dataclass(frozen=True)
class WatchResult:
    """What `wait` and `report` said of one watch."""

    status: int
    output: str
    report: Mapping[str, Any]
    report_status: int

    @property
    def judgement(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.report["judgement"]
        return found

    def failed(self) -> set[str]:
        """The checks that did not hold."""
        return {each["check"]["name"] for each in self.judgement["results"] if each["verdict"] == "FAIL"}

    def result(self, name: str) -> Mapping[str, Any]:
        return next(each for each in self.judgement["results"] if each["check"]["name"] == name)

    def gaps(self) -> dict[str, float]:
        """Seconds unseen by cause."""
        found: dict[str, float] = {}
        for gap in self.judgement["gaps"]:
            found[gap["cause"]] = found.get(gap["cause"], 0.0) + gap["span"]["seconds"]
        return found


@dataclass
class WatchedLab:
    """A lab and the exporter before it; `wire` is its way to the database."""

    directory: Path
    lab: Lab
    proxy: Proxy
    _exporter: ExitStack = field(default_factory=ExitStack)
    program: Program | None = None

    @property
    def config(self) -> Path:
        return self.directory / "config.yaml"

    def start(self) -> None:
        self.program = self._exporter.enter_context(running(self.directory, "--config", str(self.config), "serve"))
        eventually(self.program.is_ready, seconds=60)

    def kill(self) -> None:
        """No farewell."""
        assert self.program is not None
        self.program.end(signal.SIGKILL)
        self._exporter.close()

    def end(self) -> None:
        self._exporter.close()

    def command(self, *words: str) -> tuple[int, str]:
        done = run("--config", str(self.config), *words, timeout=DEADLINE)
        assert done.returncode != 2, done.stderr
        return done.returncode, done.stdout + done.stderr

    def watched(self, inject: Callable[[WatchedLab], None] | None = None) -> WatchResult:
        """One watch while something happens, to its verdict."""
        assert self.command("watch", "start")[0] == 0
        if inject:
            inject(self)
        return self.watch_result(*self.command("watch", "wait"))

    def watch_result(self, status: int, output: str) -> WatchResult:
        report_status, text = self.command("watch", "report", "--format", "json")
        return WatchResult(status, output, json.loads(text), report_status)

    def with_fault(self, name: str) -> WatchResult:
        """One watch of a world in which this is wrong; until the check that it is about has failed as well."""
        self.lab.start_fault(name)
        try:
            assert self.command("watch", "start")[0] == 0
            status, output = self.command("watch", "wait")

            def watch_result() -> WatchResult | None:
                found = self.watch_result(status, output)
                return found if REASONS[name] in found.failed() or found.judgement["final"] else None

            found = eventually(watch_result, seconds=DEADLINE)
            assert found is not None
            return found
        finally:
            self.lab.stop_fault(name)


@contextmanager
def watched_lab(directory: Path, rate: float) -> Iterator[WatchedLab]:
    """A world with an exporter that samples, until left."""
    directory.mkdir()
    script = resources.files("exporter").joinpath("sql", "setup", "monitoring_role.sql").read_text("utf-8")

    def create_monitoring_role(lab: Lab) -> None:
        lab.execute(script)

    with (
        Lab(LabPlan(rate=rate, max_poll_interval=1.0), prepare=create_monitoring_role) as lab,
        Proxy(lab.cluster.port) as proxy,
    ):
        write_config(
            directory / "config.yaml",
            database={
                "dsn": f"postgresql://outbox_monitor@127.0.0.1:{proxy.port}/postgres",
                "connect_timeout": "1s",
                "lock_timeout": "50ms",  # the wait for a locked table must leave time for other questions
            },
            application={"url": lab.application_url, "timeout": "500ms"},
            sampling={"interval": f"{INTERVAL:g}s", "budget_ratio": 1, "rows_per_second": 1_000_000},
            alerting={"time_scale": SCALE},
            watch={"duration": f"{DURATION:g}s", "state_dir": str(directory / "state")},
            web={"listen": "127.0.0.1:0"},
        )
        world = WatchedLab(directory, lab, proxy)
        world.start()
        try:
            yield world
        finally:
            world.end()


def down_for_half(world: WatchedLab) -> None:
    """The exporter is killed, and away for more than half of the watch."""
    time.sleep(DURATION * 0.2)
    world.kill()
    time.sleep(DURATION * 0.55)
    world.start()


def short_outage(world: WatchedLab) -> None:
    """The database is away for half of what any budget allows."""
    time.sleep(DURATION * 0.3)
    world.proxy.set_mode(Mode.REFUSE)
    world.proxy.drop_connections()
    time.sleep(BUDGET * 0.4)
    world.proxy.set_mode(Mode.PASS)


def declared_maintenance(world: WatchedLab) -> None:
    """The processor is stopped on purpose, and that was declared; longer than a stall may last."""
    time.sleep(DURATION * 0.1)
    assert world.command("maintenance", "start", "--for", "1h", "--reason", "roll back the code")[0] == 0
    world.lab.start_fault("processor-stalled")
    time.sleep(BUDGET * 1.5)
    world.lab.stop_fault("processor-stalled")
    time.sleep(BUDGET * 0.5)
    assert world.command("maintenance", "end")[0] == 0


WatchRun = Callable[[WatchedLab], WatchResult]


def fault(name: str) -> WatchRun:
    return lambda world: world.with_fault(name)


def watch_during(what: Callable[[WatchedLab], None] | None = None) -> WatchRun:
    return lambda world: world.watched(what)


# Side by side; in each world one after the other.
LABS: tuple[tuple[float, Mapping[str, WatchRun]], ...] = (
    (RATE, {"clean": watch_during(), "processor-stalled": fault("processor-stalled")}),
    (RATE, {"short outage": watch_during(short_outage), "poison-rows": fault("poison-rows")}),
    (RATE, {"maintenance": watch_during(declared_maintenance), "slow-processing": fault("slow-processing")}),
    (RATE, {"down for half": watch_during(down_for_half), "processor-crashed": fault("processor-crashed")}),
    (RATE, {name: fault(name) for name in ("failing-initialisations", "application-down", "database-lock")}),
    (0.0, {"no traffic": watch_during(), "cleanup-dead": fault("cleanup-dead")}),
)


def run_scenarios(directory: Path, rate: float, scenarios: Mapping[str, WatchRun]) -> dict[str, WatchResult]:
    with watched_lab(directory, rate) as world:
        return {name: scenario(world) for name, scenario in scenarios.items()}


@pytest.fixture(scope="module")
def watch_result(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], WatchResult]:
    """What a story came to; all of them are played at once."""
    directory = tmp_path_factory.mktemp("watches")
    with ThreadPoolExecutor(len(LABS)) as pool:
        futures: list[tuple[Mapping[str, WatchRun], Future[dict[str, WatchResult]]]] = [
            (scenarios, pool.submit(run_scenarios, directory / str(number), rate, scenarios))
            for number, (rate, scenarios) in enumerate(LABS)
        ]

    def of(name: str) -> WatchResult:
        return next(future for scenarios, future in futures if name in scenarios).result()[name]

    return of


def test_a_clean_watch_passes(watch_result):
    """Nothing failed, nearly all of it was seen, and the exit status says so."""
    clean = watch_result("clean")
    assert (clean.status, clean.report_status) == (PASS, PASS), clean.output
    assert clean.report["verdict"] == "PASS"
    assert "watch 1: PASS" in clean.output
    assert clean.judgement["final"]
    assert clean.judgement["elapsed"] == DURATION
    assert clean.judgement["evidence"]["completed jobs"] > 100
    assert clean.judgement["reconciliation"]["processed"] > 100


@pytest.mark.parametrize(("name", "check"), REASONS.items())
def test_each_fault_fails_with_the_right_reason(watch_result, name, check):
    """As soon as it is certain, long before the planned end; nothing is blamed that was not seen."""
    failed = watch_result(name)
    assert (failed.status, failed.report_status) == (FAIL, FAIL), failed.output
    assert check in failed.failed()
    assert failed.result(check)["reason"] in failed.judgement["reasons"]
    assert failed.result(check)["breached"] > BUDGET
    assert failed.report["watch"]["decided_at"] < failed.report["watch"]["ends_at"]


def test_every_fault_has_its_watch():
    """A new one needs a story."""
    assert set(FAULTS) == set(REASONS) <= {name for _, scenarios in LABS for name in scenarios}


def test_exporter_down_for_half_is_inconclusive(watch_result):
    """With the gap and its cause."""
    down = watch_result("down for half")
    assert (down.status, down.report_status) == (INCONCLUSIVE, INCONCLUSIVE), down.output
    assert down.gaps()["exporter down"] > DURATION / 2
    assert down.judgement["ratio"] < 0.5
    assert not down.failed()
    assert down.judgement["exporter_restarts"] == 1


def test_no_traffic_is_inconclusive(watch_result):
    """Nothing was wrong, and nothing was proved."""
    quiet = watch_result("no traffic")
    assert quiet.status == INCONCLUSIVE, quiet.output
    assert not quiet.failed()
    assert "There were no completed jobs; at least 20 are needed." in quiet.judgement["reasons"]


def test_a_short_outage_passes_with_its_gap_named(watch_result):
    """Within every budget."""
    outage = watch_result("short outage")
    assert outage.status == PASS, outage.output
    assert outage.gaps()["database unreachable"] >= BUDGET * 0.4 - INTERVAL
    assert "gap since" in outage.output


def test_a_breach_in_declared_maintenance_passes_and_is_shown(watch_result):
    """What was declared is there with its reason, and how much it excuses."""
    maintenance = watch_result("maintenance")
    assert maintenance.status == PASS, maintenance.output
    (span,) = maintenance.judgement["maintenance"]
    assert span["reason"] == "roll back the code"
    assert span["span"]["seconds"] >= BUDGET * 1.5
    assert maintenance.result("oldest_job")["excused"] >= BUDGET * 1.5
    assert "of declared maintenance are excused" in maintenance.result("oldest_job")["reason"]
