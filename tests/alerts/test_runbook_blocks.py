"""The commands in runbooks work: SQL on the real schema, PromQL, commands, shell."""

from __future__ import annotations

import contextlib
import io
import random
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import psycopg
import pytest

from alerts.policy.load import load_policy
from exporter.commands.parser import parser
from exporter.lab import seed_data
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics import catalogue
from exporter.metrics.catalogue import CATALOGUE, Kind
from tests import postgres
from tests.alerts.runbook import Block, blocks, runbooks
from tests.database.roles import MONITOR, monitoring_role
from tests.postgres import Database

SQL, PROMQL, SHELL = blocks("sql"), blocks("promql"), blocks("bash")
COMMANDS = sorted({line for page in runbooks() for line in page.commands()})
POISON = Path(catalogue.__file__).parents[1] / "lab" / "sql" / "poison_rows.sql"

# Prometheus' own.
FOREIGN = re.compile(r"up|ALERTS|process_start_time_seconds|(prometheus|alertmanager)_\w+")
TARGET_LABELS = {"job", "instance"}


@pytest.fixture(scope="module", params=Schema)
def outbox(request: pytest.FixtureRequest, embedded: Cluster) -> Iterator[Database]:
    """An outbox with a past and with failing jobs, in both variants, and the role that the set-up script makes."""
    with postgres.cloned(embedded, request.param) as database, monitoring_role(database):
        insert_test_rows(database)
        yield database


def insert_test_rows(database: Database) -> None:
    rng = random.Random(4)
    with database.connect() as connection:
        seed_data.create_courses(connection, rng)
        seed_data.insert_history(connection, rng)
        connection.execute(POISON.read_bytes())
        connection.execute("UPDATE job_outbox SET attempts = 5, last_error = 'no' WHERE queue_name = 'retired-queue'")


def run(database: Database, block: Block) -> None:
    """Runs a block as the reader would, up to the COMMIT that is left to them; reading blocks must not write."""
    user = "postgres" if block.needs_owner or block.section == "Mitigation" else MONITOR
    with database.connect(user, autocommit=False) as connection:
        if not block.writes:
            connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(block.text.encode())
        connection.rollback()


@pytest.mark.parametrize("block", SQL, ids=lambda block: block.place)
def test_sql_runs(outbox, block):
    """In both variants of the schema; as the monitoring role, unless the block is marked for the owner."""
    run(outbox, block)


def test_sql_about_cron_runs_with_the_real_pg_cron(cron_database):
    """Blocks also run with the lab's stand-in."""
    about_cron = [block for block in SQL if "cron." in block.text]
    assert len(about_cron) >= 4
    for block in about_cron:
        run(cron_database, block)


def test_only_mitigation_writes():
    """And leaves the COMMIT to the reader, as the owner, in a transaction that is open when the block ends."""
    writing = [block for block in SQL if block.writes]
    assert writing
    for block in writing:
        assert block.section == "Mitigation", block.place
        assert block.needs_owner, block.place
        assert "BEGIN;" in block.text, block.place
        assert not re.search(r"^\s*COMMIT", block.text, re.MULTILINE), block.place


def test_deleting_statements_are_marked_destructive():
    """The mark is in the text before the block."""
    for page in runbooks():
        mitigation = page.section("Mitigation")
        for found in re.finditer(r"DELETE FROM|pg_terminate_backend", mitigation):
            assert "*Destructive" in mitigation[: found.start()], page.alert


def test_a_block_that_writes_is_refused_where_it_should_only_read(outbox):
    """The test above has teeth."""
    sneaky = Block("a page", "Diagnosis", "sql", "-- as the owner\nUPDATE public.job_outbox SET attempts = 0")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        run(outbox, sneaky)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(outbox, Block("a page", "Diagnosis", "sql", "SELECT last_error FROM public.job_outbox"))


def known_series() -> dict[str, set[str]]:
    """Every series of ours by name, with its labels."""
    series: dict[str, set[str]] = {}
    for metric in CATALOGUE:
        labels = set(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            series |= {f"{metric.name}{suffix}": labels | {"le"} for suffix in ("_bucket", "_sum", "_count")}
        else:
            series[metric.name] = labels
    return {**series, **{signal.record: set() for signal in load_policy().signals}}


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def note(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


@pytest.mark.parametrize("block", PROMQL, ids=lambda block: block.place)
def test_promql_selects_existing_metrics(block):
    """It parses, and names only series that we or Prometheus have, by labels that they carry."""
    series = known_series()
    asked = selectors(block.text)
    assert asked
    for selector in asked:
        assert selector.name is not None
        if FOREIGN.fullmatch(selector.name):
            continue
        assert selector.name in series
        assert {matcher.name for matcher in selector.matchers.matchers} <= series[selector.name] | TARGET_LABELS


def understood(line: str) -> bool:
    """Whether the real parser takes this command line; it would exit with its usage otherwise."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            parser().parse_args(shlex.split(line)[1:])
    except SystemExit as left:
        return left.code == 0
    return True


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    """By the real parser."""
    assert understood(line)


def test_a_wrong_command_is_not_understood():
    """The test above has teeth."""
    assert not understood("outbox-exporter verify --expect nothing")
    assert not understood("outbox-exporter maintenance start --for 2h")
    assert understood("outbox-exporter maintenance end")


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_shell_is_shell(block):
    """`bash -n` reads it without complaint."""
    read = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_every_language_is_looked_at():
    """Every block is tested."""
    languages = {block.language for page in runbooks() for block in page.blocks()}
    assert languages == {"sql", "promql", "bash"}
