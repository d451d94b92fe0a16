"""The configuration and command line of each exporter."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import exporters
from benchmarks.documented import QUERIES
from benchmarks.exporters import ExporterTarget
from tools.dockerfile import read


@pytest.fixture
def task(tmp_path):
    return ExporterTarget("postgresql://role@127.0.0.1:5432/outbox", "http://127.0.0.1:3000/trpc", 20_001, tmp_path)


def written(task: ExporterTarget, name: str) -> Any:
    return yaml.safe_load((task.directory / name).read_text())


def test_ours_runs_with_its_defaults(task):
    """Only addresses and directories are configured, and each start has an empty state directory."""
    start = exporters._start_ours(task)
    assert shlex.join(start.command[1:]) == "-m exporter serve"
    assert {name.removeprefix("OUTBOX_EXPORTER_") for name in start.environment.keys() - exporters._IMAGE.keys()} == {
        "DATABASE_DSN",
        "WEB_LISTEN",
        "APPLICATION_URL",
        "WATCH_STATE_DIR",
    }
    again = exporters._start_ours(task)
    states = {Path(each.environment["OUTBOX_EXPORTER_WATCH_STATE_DIR"]) for each in (start, again)}
    assert len(states) == 2
    assert all(state.parent == task.directory and not any(state.iterdir()) for state in states)


def test_ours_runs_as_in_its_image(task):
    """With the environment variables of the Dockerfile."""
    environment = exporters._start_ours(task).environment
    image = read(Path(__file__).parents[2] / "Dockerfile")[-1].only("ENV").pairs()
    assert {name: environment[name] for name in exporters._IMAGE} == {"PYTHONOPTIMIZE": image["PYTHONOPTIMIZE"]}


def test_all_others_run_the_six_documented_queries_every_15_seconds(task):
    """With the same text in each configuration format."""
    qe = exporters._query_exporter_config(task.dsn)
    assert {query["interval"] for query in qe["queries"].values()} == {15}
    assert [query["sql"].replace(f"AS {name}", "AS value") for name, query in qe["queries"].items()] == [
        query.sql for query in QUERIES
    ]
    exporters._start_sql_exporter("sql", task)
    (job,) = written(task, "sql-exporter.yaml")["jobs"]
    assert (job["interval"], [query["query"] for query in job["queries"]]) == ("15s", [query.sql for query in QUERIES])
    exporters._start_postgres_exporter("pg", task)
    questions = written(task, "postgres-exporter.yaml")
    assert [question["query"] for question in questions.values()] == [query.sql for query in QUERIES]
