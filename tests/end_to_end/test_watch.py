"""Watches as a pipeline runs them: started, awaited and reported from the command line, with scaled times.

The installed program monitors a real outbox. Times are scaled by 1/30: five minutes are ten seconds.
Several labs run side by side, each with one scenario after the other; the tests check the result of each scenario.
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
# Five minutes, scaled: the longest single breach that most budgets allow, seconds.
BUDGET = 300 * SCALE
RATE = 8.0
# The longest wait for a command on a busy machine, seconds.
DEADLINE = 400.0

PASS, FAIL, INCONCLUSIVE = 0, 1, 3

# The check that fails for each fault of the lab.
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
    """The results of `watch wait` and `watch report` for one watch."""

    status: int
    output: str
    report: Mapping[str, Any]
    report_status: int

    @property
    def judgement(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.report["judgement"]
        return found

    def failed(self) -> set[str]:
        """The names of the failed checks."""
        return {each["check"]["name"] for each in self.judgement["results"] if each["verdict"] == "FAIL"}

    def result(self, name: str) -> Mapping[str, Any]:
        return next(each for each in self.judgement["results"] if each["check"]["name"] == name)

    def gaps(self) -> dict[str, float]:
        """Seconds without observation, by cause."""
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
        """Kills the exporter with SIGKILL."""
        assert self.program is not None
        self.program.end(signal.SIGKILL)
        self._exporter.close()

    def end(self) -> None:
        self._exporter.close()

    def command(self, *words: str) -> tuple[int, str]:
        done = run("--config", str(self.config), *words, timeout=DEADLINE)
        assert done.returncode != 2, done.stderr
        return done.returncode, done.stdout + done.stderr

    def watch(self, inject: Callable[[WatchedLab], None] | None = None) -> WatchResult:
        """One watch until its verdict, with `inject` called after its start."""
        assert self.command("watch", "start")[0] == 0
        if inject:
            inject(self)
        return self.watch_result(*self.command("watch", "wait"))

    def watch_result(self, status: int, output: str) -> WatchResult:
        report_status, text = self.command("watch", "report", "--format", "json")
        return WatchResult(status, output, json.loads(text), report_status)

    def with_fault(self, name: str) -> WatchResult:
        """One watch with a fault, until the check of this fault has failed."""
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
    """A lab with an exporter that samples, until the block ends."""
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
                "lock_timeout": "50ms",  # the wait for a locked table must leave time for the other statements
            },
            application={"url": lab.application_url, "timeout": "500ms"},
            sampling={"interval": f"{INTERVAL:g}s", "budget_ratio": 1, "rows_per_second": 1_000_000},
            # The jobs of a minute, of which one in two hundred fails, cannot exclude the default of 1.5 %.
            alerting={"time_scale": SCALE, "thresholds": {"OutboxFsmFailureBudgetBurn": {"ticket": 0.05}}},
            watch={"duration": f"{DURATION:g}s", "state_dir": str(directory / "state")},
            web={"listen": "127.0.0.1:0"},
        )
        watched = WatchedLab(directory, lab, proxy)
        watched.start()
        try:
            yield watched
        finally:
            watched.end()


def down_for_half(watched: WatchedLab) -> None:
    """Kills the exporter for more than half of the watch."""
    time.sleep(DURATION * 0.2)
    watched.kill()
    time.sleep(DURATION * 0.55)
    watched.start()


def short_outage(watched: WatchedLab) -> None:
    """Disconnects the database for less than half of the smallest budget."""
    time.sleep(DURATION * 0.3)
    watched.proxy.set_mode(Mode.REFUSE)
    watched.proxy.drop_connections()
    time.sleep(BUDGET * 0.4)
    watched.proxy.set_mode(Mode.PASS)


def declared_maintenance(watched: WatchedLab) -> None:
    """Stops the processor during a declared maintenance, for longer than the budget for a stall."""
    time.sleep(DURATION * 0.1)
    assert watched.command("maintenance", "start", "--for", "1h", "--reason", "roll back the code")[0] == 0
    watched.lab.start_fault("processor-stalled")
    time.sleep(BUDGET * 1.5)
    watched.lab.stop_fault("processor-stalled")
    time.sleep(BUDGET * 0.5)
    assert watched.command("maintenance", "end")[0] == 0


WatchRun = Callable[[WatchedLab], WatchResult]


def fault(name: str) -> WatchRun:
    return lambda watched: watched.with_fault(name)


def watch_during(inject: Callable[[WatchedLab], None] | None = None) -> WatchRun:
    return lambda watched: watched.watch(inject)


# The labs run side by side; the scenarios of one lab run one after the other.
LABS: tuple[tuple[float, Mapping[str, WatchRun]], ...] = (
    (RATE, {"clean": watch_during(), "processor-stalled": fault("processor-stalled")}),
    (RATE, {"short outage": watch_during(short_outage), "poison-rows": fault("poison-rows")}),
    (RATE, {"maintenance": watch_during(declared_maintenance), "slow-processing": fault("slow-processing")}),
    (RATE, {"down for half": watch_during(down_for_half), "processor-crashed": fault("processor-crashed")}),
    (RATE, {name: fault(name) for name in ("failing-initialisations", "application-down", "database-lock")}),
    (0.0, {"no traffic": watch_during(), "cleanup-dead": fault("cleanup-dead")}),
)


def run_scenarios(directory: Path, rate: float, scenarios: Mapping[str, WatchRun]) -> dict[str, WatchResult]:
    with watched_lab(directory, rate) as watched:
        return {name: scenario(watched) for name, scenario in scenarios.items()}


@pytest.fixture(scope="module")
def watch_result(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], WatchResult]:
    """Returns the result of a scenario; all labs run at once."""
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
    """No check failed, coverage is nearly complete, and the exit status is that of PASS."""
    clean = watch_result("clean")
    assert (clean.status, clean.report_status) == (PASS, PASS), clean.output
    assert clean.report["verdict"] == "PASS"
    assert "watch 1: PASS" in clean.output
    assert clean.judgement["final"]
    assert clean.judgement["elapsed"] == DURATION
    assert clean.judgement["evidence"]["processed jobs"] > 100
    assert clean.judgement["reconciliation"]["processed"] > 100


@pytest.mark.parametrize(("name", "check"), REASONS.items())
def test_each_fault_fails_with_the_right_reason(watch_result, name, check):
    """As soon as the failure is certain, before the planned end, with the reason of the failed check."""
    failed = watch_result(name)
    assert (failed.status, failed.report_status) == (FAIL, FAIL), failed.output
    assert check in failed.failed()
    assert failed.result(check)["reason"] in failed.judgement["reasons"]
    assert failed.result(check)["breached"] > BUDGET
    assert failed.report["watch"]["decided_at"] < failed.report["watch"]["ends_at"]


def test_every_fault_has_its_watch():
    """A new fault needs a scenario."""
    assert set(FAULTS) == set(REASONS) <= {name for _, scenarios in LABS for name in scenarios}


def test_exporter_down_for_half_is_inconclusive(watch_result):
    """The report names the gap and its cause."""
    down = watch_result("down for half")
    assert (down.status, down.report_status) == (INCONCLUSIVE, INCONCLUSIVE), down.output
    assert down.gaps()["exporter down"] > DURATION / 2
    assert down.judgement["ratio"] < 0.5
    assert not down.failed()
    assert down.judgement["exporter_restarts"] == 1


def test_no_traffic_is_inconclusive(watch_result):
    """No check failed, but there was no evidence."""
    quiet = watch_result("no traffic")
    assert quiet.status == INCONCLUSIVE, quiet.output
    assert not quiet.failed()
    assert "There were no processed jobs; at least 20 are needed." in quiet.judgement["reasons"]


def test_a_short_outage_passes_with_its_gap_named(watch_result):
    """The gap stays within every budget."""
    outage = watch_result("short outage")
    assert outage.status == PASS, outage.output
    assert outage.gaps()["database unreachable"] >= BUDGET * 0.4 - INTERVAL
    assert "gap since" in outage.output


def test_a_breach_in_declared_maintenance_passes_and_is_shown(watch_result):
    """The report has the maintenance with its reason, and the time that it excuses."""
    maintenance = watch_result("maintenance")
    assert maintenance.status == PASS, maintenance.output
    (span,) = maintenance.judgement["maintenance"]
    assert span["reason"] == "roll back the code"
    assert span["span"]["seconds"] >= BUDGET * 1.5
    assert maintenance.result("oldest_job")["excused"] >= BUDGET * 1.5
    assert "of declared maintenance are excused" in maintenance.result("oldest_job")["reason"]
