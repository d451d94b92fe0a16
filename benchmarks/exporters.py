"""The exporters: how each is configured and started, and when its values are complete."""

import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.documented import INTERVAL, QUERIES, DocumentedQuery
from benchmarks.query_exporter import install
from exporter.lab.ports import LOOPBACK
from tools import newest_programs


@dataclass(frozen=True, slots=True)
class ExporterTarget:
    """What an exporter monitors and sends to, the port to listen on, and a directory for its files."""

    dsn: str
    application_url: str
    alertmanager_url: str
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
    """A command line, its environment variables, and its working directory."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Shipped:
    """What an image of ours ships besides the exporter, and whether the exporter is to watch.

    Attributes:
        build: its name in the report.
        entrypoint: the program; its arguments are a command.
        health_check: the command of HEALTHCHECK.
        health_interval: seconds between two of them.
        role_script: makes the role `outbox_monitor`.
        watching: with a watch going on and an Alertmanager.
    """

    build: str
    entrypoint: tuple[str, ...]
    health_check: tuple[str, ...]
    health_interval: float
    role_script: Path
    watching: bool = False


@dataclass(frozen=True, slots=True)
class Contender:
    """One exporter of the benchmark.

    Attributes:
        name: its usual name, and what distinguishes it from others of that name.
        version: as installed.
        complete: metrics that all have samples once every database value is there.
        start: writes its configuration and returns its command line.
        shipped: of a build of ours; None for other exporters.
    """

    name: str
    version: str
    complete: tuple[str, ...]
    start: Callable[[ExporterTarget], StartCommand]
    shipped: Shipped | None = None

    @property
    def role(self) -> str:
        """Its user in the database.

        PostgreSQL joins policies in the reverse order of their names; with names before those of the application's,
        reading needs the privileges of these, too.
        """
        return f"outbox_monitor_{re.sub(r'[^a-z0-9]+', '_', self.name.lower())}"


QUERY_EXPORTER: Final = "query-exporter"
_POSTGRES_EXPORTER: Final = "postgres_exporter"
_SQL_EXPORTER: Final = "sql_exporter"
_COLLECTOR: Final = re.compile(r"--(?:\[no-\])?collector\.(\w+)\s+Enable the")


def others(keep: Path, names: Collection[str] = ()) -> list[Contender]:
    """Those of `names`, or all, that can be run; query-exporter is installed below `keep`."""
    makers: dict[str, Callable[[], Contender | None]] = {
        QUERY_EXPORTER: lambda: _query_exporter(keep),
        _POSTGRES_EXPORTER: lambda: _packaged(
            _POSTGRES_EXPORTER, "prometheus-postgres-exporter", "{}_value", _start_postgres_exporter
        ),
        _SQL_EXPORTER: lambda: _packaged(_SQL_EXPORTER, "prometheus-sql-exporter", "sql_{}", _start_sql_exporter),
    }
    made = [make() for name, make in makers.items() if name in (names or makers)]
    return [exporter for exporter in made if exporter is not None]


def _query_exporter(keep: Path) -> Contender | None:
    installed = install(keep)
    if installed is None:
        return None

    program, version = installed

    def start(task: ExporterTarget) -> StartCommand:
        config = task.write("query-exporter.yaml", _query_exporter_config(task.dsn))
        options = ("--host", LOOPBACK, "--port", str(task.port), "--config", config)
        return StartCommand((str(program), *options))

    return Contender(QUERY_EXPORTER, version, tuple(query.name for query in QUERIES), start)


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


def _packaged(
    name: str, package: str, value: str, start: Callable[[str, ExporterTarget], StartCommand]
) -> Contender | None:
    """An exporter of Debian: the newest, otherwise the installed one; None without. `value` is the name of a metric."""
    if newest := newest_programs.program(package):
        program, version = str(newest), newest_programs.package_version(package)
    elif installed := shutil.which(package):
        query = ["dpkg-query", "-W", "-f", "${Version}", package]
        program, version = installed, subprocess.run(query, check=False, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
    else:
        return None
    complete = tuple(value.format(query.name) for query in QUERIES)
    return Contender(name, version or "unknown", complete, lambda task: start(program, task))


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
        *(f"--no-collector.{name}" for name in collectors(_help(program))),
    )
    return StartCommand((program, *options), {"DATA_SOURCE_NAME": f"{task.dsn}?sslmode=disable"})


def collectors(text: str) -> list[str]:
    """The built-in collectors of postgres_exporter, from its help text."""
    return _COLLECTOR.findall(text)


def _help(program: str) -> str:
    done = subprocess.run([program, "--help"], check=True, capture_output=True, text=True)  # noqa: S603 - found above
    return done.stdout + done.stderr


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
