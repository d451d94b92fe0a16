"""One sample of everything: its text, and the file into which it may be written.

A counter or a histogram of rows counts what happened since the exporter started, and a single run has nothing to
count: these are left out, so that no query takes their 0 for a result. The application's own counters stay.
"""

import errno
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporter.app.status import ExporterInfo, status
from exporter.core import atomic_file
from exporter.core.errors import ConfigError
from exporter.core.humanize import json_safe
from exporter.core.version import version
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind
from exporter.metrics.exposition import OutboxCollector, exporter_info, families
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.sampling.collector_set import CollectorSet

Format = Literal["prometheus", "json"]
# Other users read the file: the umask decides which.
_MODE = 0o666


def render(sampling: CollectorSet, form: Format) -> str:
    """The sample, whatever its age is now."""
    states = tuple(map(_of_one_run, sampling.store.states()))
    if form == "json":
        apart = sampling.mapping.has_exhausted
        info = ExporterInfo(version(), sampling.database.target, reloaded=True, exhausted_apart=apart)
        return _document(info, states)
    store = SnapshotStore(states)
    return _text(OutboxCollector(lambda: store, version(), sampling.labels.by_name, lambda: True))


def render_unavailable(form: Format, *, configured: bool) -> str:
    """The text when nothing was sampled: because of the configuration, or of an unexpected error."""
    if form == "json":
        return _document(ExporterInfo(version(), database="", reloaded=configured), ())
    return _text(_Nothing(configured))


def write(path: Path, text: str) -> None:
    """Replace a file as a whole, with the mode that the umask gives. Raises: ConfigError."""
    try:
        # Links and devices stay: only a regular file is replaced.
        target = _resolved(path)
        if target.exists() and not target.is_file():
            raise ConfigError((f"--output {path}: is not a file; give the name of one, or of none that is there yet",))
        atomic_file.replace(target, text, mode=_MODE, make_directory=False)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError((f"--output {path}: cannot be written: {reason}",)) from error


def _resolved(path: Path) -> Path:
    """The path that links lead to. Raises: OSError or RuntimeError for links that lead to themselves."""
    target = path.resolve()
    if target.is_symlink():  # a loop is an error before Python 3.13, and is returned since
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _of_one_run(state: CollectorState) -> CollectorState:
    readings = state.readings
    if state.target is CollectorTarget.DATABASE:
        readings = tuple(each for each in readings if each.metric.kind is Kind.GAUGE)
    return replace(state, readings=readings, expires=None if state.expires is None else math.inf, outage_limit=math.inf)


class _Nothing(Collector):
    def __init__(self, configured: bool) -> None:
        self._configured = configured

    def collect(self) -> Iterator[Family]:
        return families((Reading(catalogue.UP, 0), *exporter_info(version(), reload_succeeded=self._configured)))


def _text(collector: Collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def _document(info: ExporterInfo, states: Iterable[CollectorState]) -> str:
    return json.dumps(json_safe(status(info, states, time.monotonic(), time.time())), indent=2, allow_nan=False) + "\n"
