"""The exporters that are compared: how each is configured and started, and when its values are complete."""

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
from benchmarks.environment import query_exporter
from exporter.lab.ports import LOOPBACK

OURS: Final = "outbox-exporter"
MONITOR: Final = "outbox_monitor"  # the role that our own set-up script makes


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an exporter is told: the database, the application, the port to serve on, a directory for its files."""

    dsn: str
    application_url: str
    port: int
    directory: Path

    @property
    def address(self) -> str:
        """host:port."""
        return f"{LOOPBACK}:{self.port}"

    def write(self, name: str, content: Any) -> str:
        """Writes a configuration file as YAML; answers with its path."""
        path = self.directory / name
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return str(path)


@dataclass(frozen=True, slots=True)
class Start:
    """A command line and what it finds in its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exporter:
    """One contender.

    Attributes:
        name: as people call it.
        role: its user in the database.
        version: as installed.
        complete: metrics that are all there once every database value is.
        start: writes its configuration and says how to start it.
    """

    name: str
    role: str
    version: str
    complete: tuple[str, ...]
    start: Callable[[Assignment], Start]


# How the Dockerfile has it run.
_IMAGE: Final = {"PYTHONOPTIMIZE": "2"}
_GUIDE: Final = tuple(query.name for query in QUERIES)
_OURS_COMPLETE: Final = (
    "outbox_pending_jobs",
    "outbox_last_hour_processed_jobs",
    "outbox_last_hour_fsm_events",
    "outbox_idempotency_keys",
)


def available(keep: Path, names: Collection[str] = ()) -> list[Exporter]:
    """Those of `names`, or all, that can be had: Debian's where installed, query-exporter installed below `keep`."""
    makers: dict[str, Callable[[], Exporter | None]] = {
        OURS: ours,
        "query-exporter": lambda: _query_exporter(keep),
        "postgres_exporter": lambda: _debian(
            "postgres_exporter", "prometheus-postgres-exporter", _start_postgres_exporter
        ),
        "sql_exporter": lambda: _debian("sql_exporter", "prometheus-sql-exporter", _start_sql_exporter),
    }
    made = [make() for name, make in makers.items() if name in (names or makers)]
    return [exporter for exporter in made if exporter is not None]


def ours() -> Exporter:
    """The exporter of this distribution, compiled beforehand as in its image."""
    subprocess.run(
        [sys.executable, "-c", "import exporter.__main__, exporter.app.run"],
        env={**os.environ, **_IMAGE, "PYTHONDONTWRITEBYTECODE": ""},
        check=True,
    )
    return Exporter(OURS, MONITOR, metadata.version("outbox-exporter"), _OURS_COMPLETE, _start_ours)


def _start_ours(task: Assignment) -> Start:
    """With the settings that it has by default, the application watched too: the full set of series."""
    settings = {
        "DATABASE_DSN": task.dsn,
        "WEB_LISTEN": task.address,
        "APPLICATION_URL": task.application_url,
        # What an earlier round has seen would have to be read, remembered and written again.
        "WATCH_STATE_DIR": tempfile.mkdtemp(prefix="state-", dir=task.directory),
    }
    environment = {f"OUTBOX_EXPORTER_{name}": value for name, value in settings.items()}
    return Start((sys.executable, "-m", "exporter", "serve"), {**environment, **_IMAGE})


def _query_exporter(keep: Path) -> Exporter | None:
    installed = query_exporter(keep)
    if installed is None:
        return None

    def start(task: Assignment) -> Start:
        config = task.write("query-exporter.yaml", _query_exporter_config(task.dsn))
        options = ("--host", LOOPBACK, "--port", str(task.port), "--config", config)
        return Start((str(installed.program), *options))

    return Exporter("query-exporter", "query_exporter", installed.version, _GUIDE, start)


def _query_exporter_config(dsn: str) -> dict[str, Any]:
    return {
        "databases": {"outbox": {"dsn": dsn.replace("postgresql://", "postgresql+psycopg://")}},
        "metrics": {query.name: {"type": "gauge", "description": query.name} | _labels(query) for query in QUERIES},
        "queries": {
            query.name: {
                "databases": ["outbox"],
                "metrics": [query.name],
                "interval": INTERVAL,
                # Columns carry the metric's name here.
                "sql": query.sql.replace("AS value", f"AS {query.name}"),
            }
            for query in QUERIES
        },
    }


def _labels(query: DocumentedQuery) -> dict[str, Any]:
    return {"labels": [query.label]} if query.label else {}


def _debian(name: str, package: str, start: Callable[[str, Assignment], Start]) -> Exporter | None:
    program = shutil.which(package)
    if program is None:
        return None
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    version = subprocess.run(query, check=False, capture_output=True, text=True).stdout  # noqa: S603 - fixed words
    values = tuple(f"{query.name}_value" if name == "postgres_exporter" else f"sql_{query.name}" for query in QUERIES)
    return Exporter(name, name, version or "unknown", values, lambda task: start(program, task))


def _start_postgres_exporter(program: str, task: Assignment) -> Start:
    """It asks when it is scraped; its cache, just shorter than the interval, spares the load test the database."""
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
    return Start((program, *options), {"DATA_SOURCE_NAME": f"{task.dsn}?sslmode=disable"})


def _start_sql_exporter(program: str, task: Assignment) -> Start:
    job = {
        "name": "guide",
        "interval": f"{INTERVAL}s",
        # Its driver goes by the shorter name only.
        "connections": [f"{task.dsn.replace('postgresql://', 'postgres://')}?sslmode=disable"],
        "queries": [
            {"name": query.name, "help": query.name, "values": ["value"], "query": query.sql} | _labels(query)
            for query in QUERIES
        ],
    }
    file = task.write("sql-exporter.yaml", {"jobs": [job]})
    return Start((program, f"-config.file={file}", f"-web.listen-address={task.address}"))
