"""What stands for the placeholders of statements: the watched tables, and the jobs of a mapping by state.

The jobs of a state are a subquery that gives the columns the names of the default table. The server makes it part of
the statement, so that an index serves as if the columns were written there.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from psycopg import sql

from exporter.database.jobs.relations import JobRelations
from exporter.database.visibility import Table
from exporter.outbox.mapping import DEFAULT, Names, OutboxMapping

JOBS = "job_outbox"
# Of a column of due times that may be NULL, where nothing says when a job was created.
AGELESS = "{} may be NULL, and no column says when a job was created: such a job has no age, and no alert sees it wait"
TABLES = (JOBS, "idempotency_keys", "fsm_events")


@lru_cache(maxsize=16)
def compose(mapping: OutboxMapping, schema: str) -> Mapping[str, sql.Composable]:
    """The SQL of every placeholder."""
    tables = {name: sql.Identifier(schema, name) for name in TABLES}
    jobs = JobRelations(mapping, schema)
    return {**tables, JOBS: sql.Identifier(schema, mapping.table), **{name: jobs.relation(name) for name in RELATIONS}}


def reads(mapping: OutboxMapping, *relations: str) -> tuple[Table, ...]:
    """The tables, and of each the columns, that these relations read."""
    needed = {column for relation in relations for column in RELATIONS[relation](mapping)}
    times = {mapping.created, mapping.processed, mapping.failed, mapping.due, mapping.expires, mapping.last_attempt}
    kinds = {
        mapping.deleted: "removed",
        **dict.fromkeys(times, "number" if mapping.epoch else "time"),
        **dict.fromkeys(mapping.id, "id"),
        mapping.queue: "text",
        mapping.attempts: "integer",
        mapping.max_attempts: "integer",
    }
    columns = tuple(column for column in job_columns(mapping) if column in needed)
    markers = tuple(column for column in columns if column in mapping.markers)
    found = (
        [Table(mapping.table, columns, tuple(kinds.get(column, "") for column in columns), markers)] if columns else []
    )
    if any(_reads_events(mapping, relation) for relation in relations):
        found.append(_events(mapping))
    if any(_reads_queues(mapping, relation) for relation in relations):
        found.append(Table(mapping.queues_table, (mapping.queues_id, mapping.queues_name), ("", "text")))
    return tuple(found)


def job_columns(mapping: OutboxMapping) -> tuple[str, ...]:
    """The columns of the table of jobs that have a meaning, each once."""
    m = mapping
    columns = (
        *m.id, m.queue, m.attempts, m.created, m.processed, m.last_attempt, m.status, m.running, m.failed, m.error,
        m.due, m.expires, _limit(m), m.deleted,
    )  # fmt: skip
    return tuple(dict.fromkeys(column for column in columns if column))


def watched_tables(mapping: OutboxMapping) -> tuple[str, ...]:
    """The names of all tables that are watched."""
    if mapping == DEFAULT:
        return TABLES
    return tuple(name for name in (mapping.table, mapping.events_table, mapping.queues_table) if name)


@lru_cache(maxsize=64)
def tables(mapping: OutboxMapping, placeholders: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the tables that stand behind these placeholders. Cached: asked before and after each statement."""
    found: list[str] = []
    for each in placeholders:
        is_jobs = each == JOBS or each in RELATIONS
        found.append(mapping.table if is_jobs else each)
        if _reads_events(mapping, each):
            found.append(mapping.events_table)
        if _reads_queues(mapping, each):
            found.append(mapping.queues_table)
    return tuple(dict.fromkeys(found))


def _pending(m: OutboxMapping) -> Names:
    return (*m.id, m.queue, m.attempts, m.created, m.processed, m.status, m.running, m.failed, *_terms(m), m.deleted)


def _processed(m: OutboxMapping) -> Names:
    if m.events_processed and not m.processed:
        return (*m.id, m.queue, m.created)
    return (*m.id, m.queue, m.created, m.processed, m.error, m.status if m.status_processed else "", m.deleted)


def _failing(m: OutboxMapping) -> Names:
    by_events = (*m.id, m.queue, m.status) if m.events_failed else ()
    if by_events and not m.last_attempt:
        return by_events
    state = (m.status, m.running, m.failed, m.error, m.deleted)
    by_rows = (m.queue, m.attempts, m.created, m.processed, m.last_attempt, *state)
    return (*by_events, *by_rows, *([_limit(m)] if m.is_cancelled_below_max_attempts else []))


def _other(m: OutboxMapping) -> Names:
    state = (m.status, m.running, m.failed, m.error, *_terms(m), m.deleted)
    return (m.queue, m.attempts, m.created, m.processed, *state)


def _all(m: OutboxMapping) -> Names:
    return (*m.id, m.created, m.processed, m.deleted)


def _statuses(m: OutboxMapping) -> Names:
    return (m.status, m.processed, m.deleted)


def _terms(m: OutboxMapping) -> Names:
    return (m.due, m.expires, _limit(m))


def _limit(m: OutboxMapping) -> str:
    """The column that limits the attempts, if one does."""
    return "" if m.max_attempts.isdigit() else m.max_attempts


# By name: the columns of the table of jobs that the relation reads.
RELATIONS: Mapping[str, Callable[[OutboxMapping], Names]] = MappingProxyType(
    {
        "pending_jobs": _pending,
        "processed_jobs": _processed,
        "failing_jobs": _failing,
        "other_jobs": _other,
        "all_jobs": _all,
        "statuses": _statuses,
    }
)


def _events(mapping: OutboxMapping) -> Table:
    m = mapping
    columns = tuple(filter(None, dict.fromkeys((*m.events_job, m.events_type, m.events_at, m.events_queue))))
    kinds = {m.events_at: "time", m.events_queue: "text"}
    return Table(m.events_table, columns, tuple(kinds.get(column, "") for column in columns))


def _reads_events(mapping: OutboxMapping, relation: str) -> bool:
    m = mapping
    created = bool(m.events_created and not m.created)
    by_relation = {
        "processed_jobs": bool(m.events_processed and not m.processed) or created,
        "failing_jobs": bool(m.events_failed) or created,
    }
    return by_relation.get(relation, created and relation in RELATIONS)


def _reads_queues(mapping: OutboxMapping, relation: str) -> bool:
    return bool(mapping.queues_table) and relation in RELATIONS and mapping.queue in RELATIONS[relation](mapping)
