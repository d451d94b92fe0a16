"""The lab of libraries. tests/end_to_end/test_demo_profiles.py runs it as a whole."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, LiteralString

from psycopg import Connection

from exporter.lab.libraries.child import Child
from exporter.lab.libraries.library_lab import FAULTS
from tests import postgres
from tests.lab.waiting import wait_for
from tests.postgres import Database

# Jobs that were given up after their last attempt, by the libraries' own columns.
GIVEN_UP: Final[dict[str, LiteralString]] = {
    "django-outbox-pattern": "SELECT count(*) FROM published WHERE status = -1 AND retry = 2",
    "procrastinate": "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed' AND attempts = 3",
}


def test_faults():
    """Those of every library."""
    assert list(FAULTS) == ["worker-stopped", "poison-jobs"]


def test_poison_jobs(embedded, tmp_path):
    """The library's own worker gives them up after their attempts. The end-to-end test has the other libraries."""
    with ExitStack() as stack:
        databases = {name: stack.enter_context(postgres.temporary(embedded)) for name in GIVEN_UP}
        traffic = [stack.enter_context(_child(name, databases[name], "poison", tmp_path)) for name in GIVEN_UP]
        for child in traffic:
            child.wait_for("the tables are installed").begin()
        workers = [stack.enter_context(_child(name, databases[name], "worker", tmp_path)) for name in GIVEN_UP]
        for child in workers:
            child.wait_for("an attempt has ended")
        for name, database in databases.items():
            connection = stack.enter_context(database.connect())
            wait_for(partial(_is_given_up, connection, GIVEN_UP[name]))


def _is_given_up(connection: Connection, query: LiteralString) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and row[0] > 0


def _child(name: str, database: Database, role: str, directory: Path) -> Child:
    own = directory / name
    own.mkdir(exist_ok=True)
    return Child(name, database.dsn(), role, own)
