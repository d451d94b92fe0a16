"""The exporter as a running program: starts sampling, alerting and the web server, reloads and stops them."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from exporter.app.alerting import Alerting, SampleSource
from exporter.app.config_file import ConfigFile
from exporter.app.failure_log import FailureLog
from exporter.app.footprint import release_memory
from exporter.app.signals import Signals
from exporter.app.status import ExporterInfo, StatusDict, status
from exporter.config.settings import Config, WebSettings
from exporter.core.errors import ConfigError
from exporter.core.logs import event
from exporter.core.version import version
from exporter.metrics.encoder import ExpositionEncoder
from exporter.metrics.exposition import OutboxCollector
from exporter.metrics.snapshot import CollectorTarget, database_up
from exporter.sampling.sampler import Sampler
from exporter.web.server import SiteContent, WebServer

logger = logging.getLogger(__name__)

# The main thread checks the clock and reads commands every so many seconds. A signal wakes it at once.
TICK = 15.0
# The first waits, seconds: until the first samples are done; then so that later ticks are half-way between two
# evaluations, which read commands as well.
FIRST_TICKS = (2.0, 7.0)
# After so many seconds every part of the program has run once, at the default interval.
WARM_UP = 40.0
# Requests under way may take so many seconds at the end: longer than sampling needs to stop, because a request to
# reload is answered after that; and short enough to end within five seconds.
SHUTDOWN_GRACE = 3.0


def same_server(one: WebSettings, other: WebSettings) -> bool:
    """Whether the same server serves both. `external_url` is only used in links, which a reload changes."""
    return replace(one, external_url=None) == replace(other, external_url=None)


class Runtime:
    """Sampling and alerting under one configuration."""

    def __init__(self, sampling: Sampler, alerting: Alerting) -> None:
        self.sampling = sampling
        self.alerting = alerting

    def start(self) -> None:
        """Start sampling and alerting."""
        self.sampling.start()
        self.alerting.start()

    def stop(self) -> None:
        """Stop both in parallel, since either may need seconds. Returns within about three seconds."""
        alerting = threading.Thread(target=self.alerting.stop, name="stop-alerting", daemon=True)
        alerting.start()
        self.sampling.stop()
        alerting.join(SHUTDOWN_GRACE)


class App:
    """The exporter. `load` reads the configuration: once at the start, then at each reload.

    `path` is the configuration file that `web.reload_on_change` is about; None without a file.
    Raises: ConfigError from the constructor when the first configuration is wrong.
    """

    def __init__(self, load: Callable[[], Config], path: Path | None = None) -> None:
        self._load = load
        self._config_file = ConfigFile(path)
        self._version = version()
        self._stopping = threading.Event()
        self._reload_requested = threading.Event()
        self._reloading = threading.Lock()
        # Orders `stop` before a reload that would start something after it. Held for moments only.
        self._starting = threading.Lock()
        self._reload_succeeded = True
        self._failure_log = FailureLog()
        self._started_at = time.time()
        self._last_scrape: float | None = None
        self._start_memory_released = False
        config = load()
        self._outbox = self._make_collector()
        self._runtime = self._make_runtime(config)
        self._server = WebServer(self._site(config), config.web.listen, config.web.config_file)

    @property
    def url(self) -> str:
        """The address of the status page; known once started."""
        return self._server.url

    def start(self) -> None:
        """Serve, then sample: /-/healthy answers whatever the database does. Raises: ConfigError."""
        self._server.start()
        self._runtime.start()
        event(
            logger,
            logging.INFO,
            "started",
            version=self._version,
            url=self.url,
            database=self._runtime.sampling.database.target,
        )

    def stop(self) -> None:
        """Stop everything. Returns within about three seconds, whatever hangs or waits to be reloaded."""
        with self._starting:
            self._stopping.set()
        self._reload_requested.set()
        # In parallel: either may need seconds. The server gives half of its time to requests under way.
        serving = threading.Thread(
            target=self._server.stop, args=(2 * SHUTDOWN_GRACE,), name="stop-server", daemon=True
        )
        serving.start()
        self._runtime.stop()
        serving.join(SHUTDOWN_GRACE + 0.5)
        event(logger, logging.INFO, "stopped")

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads. Call in the main thread. Raises: ConfigError at the start."""
        with Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            self.start()
            # Not in this thread: a reload may have to wait, and the signal to end must be handled meanwhile.
            threading.Thread(target=self._reload_on_request, name="reload").start()
            try:
                pauses = chain(FIRST_TICKS, repeat(TICK))
                while (caught := signals.wait(next(pauses))) in (None, signal.SIGHUP):
                    self.tick()
                    self._release_start_memory()
                    if caught is signal.SIGHUP:
                        self._reload_requested.set()
            finally:
                self.stop()

    def tick(self) -> None:
        """Check the clock, read commands, and look at the configuration file. Call it every few seconds."""
        self._runtime.sampling.check_clock()
        self._runtime.alerting.handle_commands()
        if self._runtime.sampling.config.web.reload_on_change and self._config_file.has_changed():
            self._reload_requested.set()

    def _release_start_memory(self) -> None:
        """Once, after every part of the program has run."""
        if not self._start_memory_released and time.time() - self._started_at > WARM_UP:
            self._start_memory_released = True
            release_memory()

    def reload(self) -> None:
        """Read the configuration and start sampling and alerting by it; counters begin at 0, as after a restart.

        Calls wait for each other; those that wait when the exporter stops fail.
        Raises: ConfigError; then the configuration in use stays, and a gauge reports the failure.
        """
        with self._reloading:
            self._refuse_when_stopping()
            self._config_file.has_changed()  # what is read now is no change later
            try:
                config = self._load()
                runtime = self._make_runtime(config)
            except ConfigError:
                self._reload_succeeded = False
                raise
            if not same_server(config.web, self._runtime.sampling.config.web):
                event(logger, logging.WARNING, "changes of the section web take effect after a restart")
            # At most one connection, and one writer of the state: the old ones stop first.
            self._runtime.stop()
            with self._starting:
                self._refuse_when_stopping()
                runtime.start()
                self._runtime = runtime
            self._reload_succeeded = True
            event(logger, logging.INFO, "configuration reloaded")

    def status(self) -> StatusDict:
        """The content of the status page."""
        sampling, alerting = self._runtime.sampling, self._runtime.alerting
        target = sampling.database.target
        about = ExporterInfo(
            self._version,
            target,
            self._reload_succeeded,
            self._started_at,
            self._last_scrape,
            exhausted_apart=alerting.policy.exhausted_apart,
        )
        return status(about, sampling.store.states(), time.monotonic(), time.time(), alerting.status())

    def note_scrape(self) -> None:
        """Remember when /metrics was requested last."""
        self._last_scrape = time.time()

    def ready(self) -> tuple[bool, str]:
        """Whether a database sample succeeded and has not expired, and a sentence why."""
        states = self._runtime.sampling.store.states()
        if database_up(states, time.monotonic()):
            return True, "ready: the last database sample succeeded and is fresh"
        if any(state.runs for state in states if state.target is CollectorTarget.DATABASE):
            return False, "not ready: no fresh database sample; see the status page"
        return False, "not ready: the first database sample is under way"

    def _make_runtime(self, config: Config) -> Runtime:
        sampling = Sampler(config, self._failure_log.finished)
        samples = SampleSource(
            self._outbox.samples, sampling.store.states, sampling.sample_soon, sampling.database, sampling.run_in_turn
        )
        alerting = Alerting(config, samples, self._started_at, self._version)
        return Runtime(sampling, alerting)

    def _make_collector(self) -> OutboxCollector:
        """The collector of outbox metrics; it reads the current runtime, which a reload replaces."""
        return OutboxCollector(
            store=lambda: self._runtime.sampling.store,
            version=self._version,
            labels=lambda: self._runtime.sampling.labels.by_name(),  # noqa: PLW0108 - a reload replaces it
            reload_succeeded=lambda: self._reload_succeeded,
            alerting=lambda: self._runtime.alerting.readings(),  # noqa: PLW0108 - a reload replaces it
        )

    def _site(self, config: Config) -> SiteContent:
        process = CollectorRegistry()
        for metrics in (ProcessCollector, PlatformCollector, GCCollector):
            metrics(registry=process)
        everything = CollectorRegistry()
        everything.register(self._outbox)
        everything.register(process)
        return SiteContent(
            registry=everything,
            encoder=ExpositionEncoder(self._outbox, process),
            status=self.status,
            scraped=self.note_scrape,
            watch=lambda: self._runtime.alerting.watch(),  # noqa: PLW0108 - a reload replaces it
            ready=self.ready,
            runbook=lambda alert: self._runtime.alerting.runbook(alert),  # noqa: PLW0108 - a reload replaces it
            reload=self.reload if config.web.enable_reload else None,
            version=self._version,
        )

    def _refuse_when_stopping(self) -> None:
        if self._stopping.is_set():
            raise ConfigError(("the exporter is stopping",))

    def _reload_on_request(self) -> None:
        """Reload on each request until the exporter stops; requests during a reload lead to one more."""
        while self._reload_requested.wait() and not self._stopping.is_set():
            self._reload_requested.clear()
            self._reload_or_log()

    def _reload_or_log(self) -> None:
        try:
            self.reload()
        except ConfigError as error:
            for problem in error.problems:
                event(logger, logging.ERROR, "configuration not reloaded", problem=problem)
        except Exception as error:  # noqa: BLE001 - a bug must not prevent the next reload
            event(logger, logging.ERROR, "configuration not reloaded", exc_info=error)
