"""The configuration and command line of each exporter."""

from typing import Any

import pytest
import yaml

from benchmarks import exporters
from benchmarks.documented import QUERIES
from benchmarks.exporters import ExporterTarget


@pytest.fixture
def task(tmp_path):
    dsn = "postgresql://role@127.0.0.1:5432/outbox"
    return ExporterTarget(dsn, "http://127.0.0.1:3000/trpc", "http://127.0.0.1:9093", 20_001, tmp_path)


def written(task: ExporterTarget, name: str) -> Any:
    return yaml.safe_load((task.directory / name).read_text())


def test_all_others_run_the_six_documented_queries_every_15_seconds(task, monkeypatch):
    """With the same text in each configuration format."""
    monkeypatch.setattr(exporters, "_help", lambda _: "")
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


def test_every_built_in_collector_of_postgres_exporter_is_disabled(task, monkeypatch):
    """Those that its help text lists, whatever its version."""
    text = (
        "  --[no-]collector.database       Enable the database collector\n"
        "  --collector.stat_bgwriter\n                Enable the stat_bgwriter collector\n"
        "  --collector.stat_statements.limit=100  Maximum number\n  --web.telemetry-path  Enable the\n"
    )
    assert exporters.collectors(text) == ["database", "stat_bgwriter"]
    monkeypatch.setattr(exporters, "_help", lambda _: text)
    command = exporters._start_postgres_exporter("pg", task).command
    assert [option for option in command if option.startswith("--no-collector")] == [
        "--no-collector.database",
        "--no-collector.stat_bgwriter",
    ]
