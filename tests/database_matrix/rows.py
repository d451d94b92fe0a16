"""The rows of a cell's database, and the changes between two samples.

Times are not near the limits of the last hour, so that a minute more or less changes no value. Some local times exist
twice (2026-11-01 01:30) or never (2026-03-08 02:30) in St. John's.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg

from tests.database_matrix.cells import Cell

_COURSE: Final = """
    WITH organization AS (INSERT INTO public.organizations (name) VALUES ('o') RETURNING id),
         owner AS (INSERT INTO auth.users DEFAULT VALUES RETURNING id)
    INSERT INTO public.courses (title, slug, user_id, organization_id)
    SELECT 'c', 'c', owner.id, organization.id FROM organization, owner
"""
_ROWS: Final = """
    INSERT INTO public.job_outbox (entity_id, queue_name, created_at, processed_at, attempts, last_attempt_at)
    SELECT course.id, job.* FROM public.courses AS course, (VALUES
        ({queue},  now() - interval '20 minutes', NULL::timestamptz, 0, NULL::timestamptz),
        ({queue},  '2026-11-01 01:30',            NULL,              0, NULL),
        ('email',  now() - interval '3 hours',    NULL,              0, NULL),
        ('email',  '2026-03-08 02:30',            NULL,              2, now() - interval '10 minutes'),
        ({queue2}, now() - interval '9 hours',    NULL,              1, now() - interval '5 hours'),
        ({queue2}, now() - interval '2 days',     NULL,              5, now() - interval '2 minutes'),
        ('email',  now() - interval '20 minutes', now() - interval '19 minutes', 0, NULL),
        ({queue},  now() - interval '40 minutes', now() - interval '15 minutes', 1, now() - interval '30 minutes'),
        ({queue2}, now() - interval '2 hours',    now() - interval '25 minutes', 0, NULL),
        ('old',    now() - interval '3 hours',    now() - interval '2 hours',    0, NULL),
        ('old',    '2026-10-31 23:00',            '2026-11-01 01:15',            0, NULL)
    ) AS job (queue, created, processed, attempts, attempted);

    INSERT INTO public.fsm_events (entity_id, event_type, created_by, created_at)
    SELECT course.id, event.* FROM public.courses AS course, (VALUES
        ('FSM_INITIALIZED', 'API',    now() - interval '10 minutes'),
        ('FSM_INITIALIZED', 'API',    now() - interval '35 minutes'),
        ({queue},           'WORKER', now() - interval '30 minutes'),
        ({queue2},          'WORKER', now() - interval '31 minutes'),
        ('FSM_INITIALIZED', 'QUEUE',  now() - interval '2 hours'),
        ('FSM_INITIALIZED', 'QUEUE',  '2026-11-01 01:30')
    ) AS event (type, source, created);

    INSERT INTO public.idempotency_keys (key, expires_at) VALUES
        ('a', now() + interval '5 hours'), ('b', now() + interval '40 minutes'),
        ('c', now() - interval '1 hour'), ('d', '2026-11-01 01:30'), ('e', '2026-03-08 02:30');
"""
_CHANGES: Final = """
    UPDATE public.job_outbox SET processed_at = now() WHERE outbox_id IN (
        SELECT outbox_id FROM public.job_outbox WHERE processed_at IS NULL AND attempts = 0
        ORDER BY created_at DESC LIMIT 2);
    INSERT INTO public.job_outbox (entity_id, queue_name)
    SELECT course.id, queue FROM public.courses AS course, (VALUES ({queue}), ({queue2}), ('email')) AS job (queue);
    INSERT INTO public.fsm_events (entity_id, event_type, created_by)
    SELECT course.id, event.* FROM public.courses AS course,
        (VALUES ('FSM_INITIALIZED', 'API'), ({queue}, 'QUEUE')) AS event;
    INSERT INTO public.idempotency_keys (key) VALUES (gen_random_uuid());
"""


def insert_rows(connection: psycopg.Connection[Any], cell: Cell) -> None:
    """Inserts the initial rows."""
    connection.execute(_COURSE)
    connection.execute(_named(_ROWS, cell))


def apply_changes(connection: psycopg.Connection[Any], cell: Cell) -> None:
    """Processes two jobs and adds jobs, keys and events, in one transaction."""
    with connection.transaction():
        connection.execute(_named(_CHANGES, cell))


def _named(statements: str, cell: Cell) -> bytes:
    one, other = (f"E'{name}'" for name in cell.encoding.value)
    return statements.replace("{queue}", one).replace("{queue2}", other).encode()
