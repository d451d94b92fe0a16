"""The exporters: how each is configured and started, and when its values are complete."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.documented import INTERVAL, QUERIES, DocumentedQuery
from benchmarks.query_exporter import install
from exporter.lab.ports import LOOPBACK

OURS: Final = "outbox-exporter"
MONITOR: Final = "outbox_monitor"  # the role that our own set-up script makes


@dataclass(frozen=True, slots=True)
class ExporterTarget:
    """The database and application to monitor, the port to listen on, and a directory for configuration files."""

    dsn: str
    application_url: str
    port: int
    directory: Path

    @property
    def address(self) -> str:
        """host:port."""
        return f"{LOOPBACK}:{self.port}"

    def write(self, name: str, content: Any) -> str:
        """Writes a configuration file as YAML; returns its path."""
        path = self.directory / name
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return str(path)


@dataclass(frozen=True, slots=True)
class StartCommand:
    """A command line and its environment variables."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One exporter of the benchmark.

    Attributes:
        name: its usual name.
        role: its user in the database.
        version: as installed.
        complete: metrics that all have samples once every database value is there.
        start: writes its configuration and returns its command line.
    """

    name: str
    role: str
    version: str
    complete: tuple[str, ...]
    start: Callable[[ExporterTarget], StartCommand]


# As in the Dockerfile.
_IMAGE: Final = {"PYTHONOPTIMIZE": "2"}
_GUIDE: Final = tuple(query.name for query in QUERIES)
_OURS_COMPLETE: Final = (
    "outbox_pending_jobs",
    "outbox_last_hour_processed_jobs",
    "outbox_last_hour_fsm_events",
    "outbox_idempotency_keys",
)


def available(keep: Path, names: Collection[str] = ()) -> list[Contender]:
    """Those of `names`, or all, that are available: Debian's if installed, query-exporter installed below `keep`."""
    makers: dict[str, Callable[[], Contender | None]] = {
        OURS: ours,
        "query-exporter": lambda: _query_exporter(keep),
        "postgres_exporter": lambda: _debian(
            "postgres_exporter", "prometheus-postgres-exporter", _start_postgres_exporter
        ),
        "sql_exporter": lambda: _debian("sql_exporter", "prometheus-sql-exporter", _start_sql_exporter),
    }
    made = [make() for name, make in makers.items() if name in (names or makers)]
    return [exporter for exporter in made if exporter is not None]


def ours() -> Contender:
    """The exporter of this distribution, with compiled modules as in its image."""
    subprocess.run(
        [sys.executable, "-c", "import exporter.__main__, exporter.app.run"],
        env={**os.environ, **_IMAGE, "PYTHONDONTWRITEBYTECODE": ""},
        check=True,
    )
    return Contender(OURS, MONITOR, metadata.version("outbox-exporter"), _OURS_COMPLETE, _start_ours)


def _start_ours(task: ExporterTarget) -> StartCommand:
    """With default settings and the application: the full set of series."""
    settings = {
        "DATABASE_DSN": task.dsn,
        "WEB_LISTEN": task.address,
        "APPLICATION_URL": task.application_url,
        # A new directory for each start: reading and writing the state of an earlier run would cost time.
        "WATCH_STATE_DIR": tempfile.mkdtemp(prefix="state-", dir=task.directory),
    }
    environment = {f"OUTBOX_EXPORTER_{name}": value for name, value in settings.items()}
    return StartCommand((sys.executable, "-m", "exporter", "serve"), {**environment, **_IMAGE})


def _query_exporter(keep: Path) -> Contender | None:
    installed = install(keep)
    if installed is None:
        return None

    program, version = installed

    def start(task: ExporterTarget) -> StartCommand:
        config = task.write("query-exporter.yaml", _query_exporter_config(task.dsn))
        options = ("--host", LOOPBACK, "--port", str(task.port), "--config", config)
        return StartCommand((str(program), *options))

    return Contender("query-exporter", "query_exporter", version, _GUIDE, start)


def _query_exporter_config(dsn: str) -> dict[str, Any]:
    return {
        "databases": {"outbox": {"dsn": dsn.replace("postgresql://", "postgresql+psycopg://")}},
        "metrics": {query.name: {"type": "gauge", "description": query.name} | _labels(query) for query in QUERIES},
        "queries": {
            query.name: {
                "databases": ["outbox"],
                "metrics": [query.name],
                "interval": INTERVAL,
                # The column has the name of the metric.
                "sql": query.sql.replace("AS value", f"AS {query.name}"),
            }
            for query in QUERIES
        },
    }


def _labels(query: DocumentedQuery) -> dict[str, Any]:
    return {"labels": [query.label]} if query.label else {}


def _debian(name: str, package: str, start: Callable[[str, ExporterTarget], StartCommand]) -> Contender | None:
    program = shutil.which(package)
    if program is None:
        return None
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    version = subprocess.run(query, check=False, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
    values = tuple(f"{query.name}_value" if name == "postgres_exporter" else f"sql_{query.name}" for query in QUERIES)
    return Contender(name, name, version or "unknown", values, lambda task: start(program, task))


def _start_postgres_exporter(program: str, task: ExporterTarget) -> StartCommand:
    """It queries when it is scraped; a cache just shorter than the interval keeps the load test off the database."""
    config = {
        query.name: {
            "query": query.sql,
            "cache_seconds": INTERVAL - 1,
            "metrics": [
                *([{query.label: {"usage": "LABEL", "description": query.label}}] if query.label else []),
                {"value": {"usage": "GAUGE", "description": query.name}},
            ],
        }
        for query in QUERIES
    }
    file = task.write("postgres-exporter.yaml", config)
    options = (
        f"--extend.query-path={file}",
        f"--web.listen-address={task.address}",
        "--disable-default-metrics",
        "--disable-settings-metrics",
        "--no-collector.database",
        "--no-collector.bgwriter",
    )
    return StartCommand((program, *options), {"DATA_SOURCE_NAME": f"{task.dsn}?sslmode=disable"})


def _start_sql_exporter(program: str, task: ExporterTarget) -> StartCommand:
    job = {
        "name": "guide",
        "interval": f"{INTERVAL}s",
        # Its driver accepts the shorter scheme only.
        "connections": [f"{task.dsn.replace('postgresql://', 'postgres://')}?sslmode=disable"],
        "queries": [
            {"name": query.name, "help": query.name, "values": ["value"], "query": query.sql} | _labels(query)
            for query in QUERIES
        ],
    }
    file = task.write("sql-exporter.yaml", {"jobs": [job]})
    return StartCommand((program, f"-config.file={file}", f"-web.listen-address={task.address}"))
