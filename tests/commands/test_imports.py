"""Each command loads what it needs: the modules that a process has imported when the command is done."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Runs the command and prints the modules.
PROGRAM = """
import sys
from exporter.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""
# What only the exporter itself, or a command with a database, needs: each takes 10 to 200 ms and 1 to 15 MB.
LIBRARIES = {
    "apscheduler",
    "asyncio",
    "bcrypt",
    "h11",
    "mistune",
    "prometheus_client",
    "promql_parser",
    "psycopg",
    "psycopg_pool",
    "requests",
    "ssl",
    "starlette",
    "subprocess",
    "urllib3",
    "uvicorn",
}
OURS = {"exporter.app", "exporter.collectors", "exporter.database", "exporter.sampling", "exporter.web"}


def imported(*arguments: str, state: object = "/nowhere") -> set[str]:
    """The modules, and the packages that they are in."""
    variables = {"OUTBOX_EXPORTER_WATCH_STATE_DIR": str(state), "OUTBOX_EXPORTER_DATABASE_DSN": "host=127.0.0.1 port=1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    names = done.stderr.splitlines()[-1].split()
    assert "exporter.cli" in names
    return {".".join(name.split(".")[:count]) for name in names for count in range(1, name.count(".") + 2)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("help", "sample"),
        ("serve", "--nonsense"),
        ("sample", "--nonsense"),
        ("watch", "status"),
        ("watch", "wait", "--patience", "1ms"),
        ("watch", "report"),
        ("maintenance", "end"),
        ("rules",),
        ("files", "list"),
    ],
    ids=" ".join,
)
def test_a_command_without_targets_loads_no_libraries_for_them(tmp_path, arguments):
    """Neither for the database nor for HTTP."""
    assert imported(*arguments, state=tmp_path) & (LIBRARIES | OURS) == set()


@pytest.mark.parametrize(
    "arguments", [("--help",), ("sample", "--nonsense"), ("maintenance", "end"), ("watch", "status")]
)
def test_no_rules_are_loaded_where_none_are_needed(tmp_path, arguments):
    """Only `rules` and the exporter evaluate them."""
    assert imported(*arguments, state=tmp_path) & {"alerts.policy", "alerts.promql", "alerts.evaluation"} == set()


def test_a_sample_loads_neither_server_nor_schedule():
    """Nor what requests an application, without one."""
    unused = {"apscheduler", "requests", "urllib3", "h11", "starlette", "uvicorn", "alerts", "exporter.web"}
    assert imported("sample") & unused == set()
