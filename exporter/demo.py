"""`demo`: an outbox with everything around it on this machine, and the exporter in front.

Nothing of it outlives the command. The database is embedded, the jobs go through the RPC of the migration, the
exporter samples as the monitoring role that the setup script makes, as in production, at shorter intervals.
"""

import signal
import time
from dataclasses import dataclass
from importlib import resources

from exporter.app.run import App
from exporter.app.signals import Signals
from exporter.app.status import FiveSignals
from exporter.config.settings import (
    ApplicationSettings,
    Config,
    DatabaseSettings,
    SamplingSettings,
    WatchSettings,
    WebSettings,
)
from exporter.core.errors import ConfigError
from exporter.core.types import Address, Seconds, Secret, Url
from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan

# Seconds; every number should change within a minute.
INTERVAL = Seconds(5)
ROWS_PER_SECOND = 100_000
# Seconds; the deployed processor polls every 30 s when idle, here the next job comes sooner.
MAX_POLL_INTERVAL = 4.0
ROLE = "outbox_monitor"
SETUP = "monitoring_role.sql"

HEADER = "    time  backlog  oldest  avg time  events API/QUEUE/WORKER  keys  failure ratio"


@dataclass(frozen=True, slots=True)
class Demo:
    """One run of the demo: `duration` in seconds, None until interrupted; port 0 is any free one.

    Raises: ConfigError for an unknown fault, with the known ones.
    """

    port: int
    duration: float | None
    fault: str | None

    def __post_init__(self) -> None:
        if self.fault is not None and self.fault not in FAULTS:
            known = "\n".join(f"  {name}: {fault.description}" for name, fault in FAULTS.items())
            raise ConfigError((f"--fault {self.fault}: there is no such fault; there are\n{known}",))

    def run(self) -> bool:
        """Run it. True when all five signals are known at the end."""
        with Signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            print("Starting PostgreSQL, the migrations, traffic, a processor and an application ...", flush=True)
            plan = LabPlan(max_poll_interval=MAX_POLL_INTERVAL, fault=self.fault)
            with Lab(plan, prepare=_make_role) as lab:
                app = App(lambda: self._config(lab))
                app.start()
                try:
                    _greet(app.url, self.fault)
                    return _watch(app, signals, self.duration)
                finally:
                    app.stop()

    def _config(self, lab: Lab) -> Config:
        return Config(
            database=DatabaseSettings(dsn=Secret(lab.cluster.dsn(user=ROLE, dbname="postgres"))),
            application=ApplicationSettings(url=Url(lab.application_url)),
            sampling=SamplingSettings(interval=INTERVAL, rows_per_second=ROWS_PER_SECOND),
            web=WebSettings(listen=Address(f"127.0.0.1:{self.port}")),
            watch=WatchSettings(state_dir=lab.cluster.directory / "state"),
        )


def row(signals: FiveSignals, clock: str) -> str:
    """One line of the table: a dash where a signal is unknown or does not exist now."""
    events = signals["events_last_hour"]
    by_source = "/".join(f"{events[source]:.0f}" for source in ("API", "QUEUE", "WORKER")) if events else "-"
    return (
        f"{clock:>8}"
        f"{_number(signals['backlog'], '.0f'):>9}"
        f"{_number(signals['oldest_pending_age_seconds'], '.0f', 's'):>8}"
        f"{_number(signals['processing_time_avg_seconds'], '.2f', 's'):>10}"
        f"{by_source:>25}"
        f"{_number(signals['idempotency_keys'], '.0f'):>6}"
        f"{_number(signals['failure_ratio'], '.4f'):>15}"
    )


def known(signals: FiveSignals) -> bool:
    """Whether all five signals have a value."""
    return None not in (
        signals["backlog"],
        signals["processing_time_avg_seconds"],
        signals["events_last_hour"],
        signals["idempotency_keys"],
        signals["failure_ratio"],
    )


def _watch(app: App, signals: Signals, duration: float | None) -> bool:
    started = time.monotonic()
    next_row = started + 1
    while signals.wait(0.25) is None:
        now = time.monotonic()
        app.tick()
        if now >= next_row:
            print(row(app.status()["signals"], time.strftime("%H:%M:%S")), flush=True)
            next_row += INTERVAL
        if duration is not None and now >= started + duration:
            break
    return known(app.status()["signals"])


def _greet(url: str, fault: str | None) -> None:
    print(f"\nMetrics: {url}/metrics   Status page: {url}/")
    if fault:
        print(f"Fault: {fault}, {FAULTS[fault].description}")
    print(f"Stop with Ctrl-C.\n\n{HEADER}", flush=True)


def _make_role(lab: Lab) -> None:
    lab.execute(resources.files("exporter").joinpath("sql", "setup", SETUP).read_text("utf-8"))


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"
