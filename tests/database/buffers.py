"""Buffers of the statements of a sample."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.database import Session, queries
from tests.database.sampling import sampler
from tests.postgres import Database


def buffers(database: Database, **settings: Any) -> dict[str, int]:
    """Buffers of each statement of a sample, by its name, planning left out."""
    found: dict[str, int] = {}
    fetch = Session.fetch

    def explained(session: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
        query = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + queries.statement(name, session.schema)
        with session._connection.cursor() as cursor:
            ((answer,),) = cursor.execute(query, parameters, prepare=False).fetchall()
        plan: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        found[name] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return fetch(session, name, row, **parameters)

    with sampler(database.dsn(), **settings) as sampling, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "fetch", explained)
        # Twice: the first time fills the server's caches of the catalogue.
        for collector in 2 * sampling.database_collectors:
            with sampling.database.sample(*collector.reads) as session:
                tuple(collector.read(session))
    return found
