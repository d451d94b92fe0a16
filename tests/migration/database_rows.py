"""Rows of other users in a test database, and fingerprints of its contents."""

from __future__ import annotations

import time

from psycopg import sql

from tests.postgres import Database

OTHER_ROWS = """
    INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
    INSERT INTO organizations (id, name) VALUES ('00000000-0000-0000-0000-00000000000b', 'o');
    INSERT INTO courses (id, title, slug, user_id, organization_id)
      SELECT gen_random_uuid(), 't', 's' || n, '00000000-0000-0000-0000-00000000000a',
             '00000000-0000-0000-0000-00000000000b' FROM generate_series(1, 20) AS n;
    SELECT initialize_fsm_with_outbox(id, user_id, organization_id, 'k' || slug, 'API', 'stage_2_init',
                                      '[{"queue": "q"}]') FROM courses;
"""


def insert_other_rows(database: Database) -> None:
    """Rows of other users, which smoke must not change."""
    database.execute(OTHER_ROWS)


def contents(database: Database) -> dict[str, str | None]:
    """A fingerprint of every table of every schema, temporary ones included."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        prints: dict[str, str | None] = {}
        for schema, table in tables:
            query = sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t")
            row = connection.execute(query.format(sql.Identifier(schema, table))).fetchone()
            prints[f"{schema}.{table}"] = row[0] if row else None
    return prints


def idle(database: Database) -> bool:
    """No transaction of smoke is open in the database."""
    query = (
        "SELECT count(xact_start) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name ~ 'smoke'"
    )
    return bool(database.value(query) == 0)


def wait_until_idle(database: Database) -> None:
    deadline = time.monotonic() + 10
    while not idle(database):
        assert time.monotonic() < deadline, "a transaction of smoke is still open"
        time.sleep(0.02)
