"""`demo`: an outbox with everything around it on this machine, and the exporter in front.

Nothing of it outlives the command. The database is embedded, and the exporter samples as the monitoring role, as in
production, at shorter intervals.
"""

import signal
import time
from dataclasses import dataclass
from typing import Final

from exporter.app.run import App
from exporter.app.signals import Signals
from exporter.core.errors import ConfigError
from exporter.demo.configuration import INTERVAL
from exporter.demo.outbox import DemoOutbox
from exporter.demo.table import HEADER, Table

_FIRST_SAMPLE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Demo:
    """One run of the demo: `duration` in seconds, None until interrupted; port 0 is any free one.

    Raises: ConfigError for a fault that the outbox does not have, with those that it has.
    """

    outbox: DemoOutbox
    port: int
    duration: float | None
    fault: str | None

    def __post_init__(self) -> None:
        if self.fault is not None and self.fault not in self.outbox.faults:
            existing = "\n".join(f"  {name}: {description}" for name, description in self.outbox.faults.items())
            raise ConfigError(
                (f"--fault {self.fault}: there is no such fault of {self.outbox.title}; there are\n{existing}",)
            )

    @property
    def table(self) -> Table:
        """The table of the outbox."""
        return Table(self.outbox.mapping)

    def run(self) -> bool:
        """Run it. True when every signal that the outbox has is known at the end."""
        with Signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            print(f"Starting PostgreSQL, {self.outbox.parts} ...", flush=True)
            with self.outbox.running(self.port, self.fault) as outbox:
                app = App(outbox.configuration)
                app.start()
                try:
                    if outbox.begin is not None:
                        if not self._has_sampled(app, signals):
                            return False
                        outbox.begin()
                    self._greet(app.url)
                    return self._watch(app, signals)
                finally:
                    app.stop()

    def _watch(self, app: App, signals: Signals) -> bool:
        started = time.monotonic()
        next_row = started + 1
        while signals.wait(0.25) is None:
            now = time.monotonic()
            app.tick()
            if now >= next_row:
                print(self.table.row(app.status()["signals"], time.strftime("%H:%M:%S")), flush=True)
                next_row += INTERVAL
            if self.duration is not None and now >= started + self.duration:
                break
        return self.table.is_known(app.status()["signals"])

    def _has_sampled(self, app: App, signals: Signals) -> bool:
        """Wait for the first sample, up to ten seconds. False when the demo is ended meanwhile."""
        deadline = time.monotonic() + _FIRST_SAMPLE_SECONDS
        while time.monotonic() < deadline and not self.table.is_known(app.status()["signals"]):
            if signals.wait(0.1) is not None:
                return False
        return True

    def _greet(self, url: str) -> None:
        print(f"\nMetrics: {url}/metrics   Status page: {url}/")
        if self.fault:
            print(f"Fault: {self.fault}, {self.outbox.faults[self.fault]}")
        for reason, columns in self.table.absent().items():
            print(f"Absent: {', '.join(columns)} ({reason})")
        print(f"Stop with Ctrl-C.\n\n{HEADER}", flush=True)
