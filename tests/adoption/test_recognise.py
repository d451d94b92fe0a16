"""Which candidates are meant."""

from __future__ import annotations

import pytest

from exporter.adoption.catalogue import Relation
from exporter.adoption.recognise import Choice, candidates
from tests.adoption.relations import table
from tests.adoption.test_library import NSERVICEBUS, PGBOSS

OUTBOX = table("outbox", "id:int!", "created_at:at!", "sent_at:at")
OTHER = table("outbox", "id:int!", "created_at:at!", "sent_at:at", schema="billing")
LIKELY = table("deliveries", "id:int!", "created_at:at!", "sent_at:at")
LOG = table("outbox_log", "id:int!", "payload:jsonb")
VIEW = table("outbox_view", "id:int!", "sent_at:at", kind="v", below=("public.deliveries",))


def names(*relations: Relation, choice: Choice = Choice()) -> tuple[list[str], tuple[str, ...]]:  # noqa: B008 - frozen
    found = candidates(relations, choice)
    libraries = [each.profile for each in found.of_libraries]
    return [*libraries, *(each.relation.full_name for each in found.by_shape)], found.others


@pytest.mark.parametrize(
    ("relations", "meant", "others"),
    [
        ((), [], ()),
        ((OUTBOX, LIKELY), ["public.outbox"], ("public.deliveries",)),
        ((LIKELY,), ["public.deliveries"], ()),
        ((OUTBOX, OTHER), ["public.outbox", "billing.outbox"], ()),
        ((PGBOSS, OUTBOX), ["pg-boss", "public.outbox"], ()),
        ((PGBOSS, LIKELY), ["pg-boss"], ("public.deliveries",)),
        ((PGBOSS, LOG), ["pg-boss"], ("public.outbox_log",)),
        ((OUTBOX, LOG), ["public.outbox"], ("public.outbox_log",)),
        ((LOG,), ["public.outbox_log"], ()),
        ((VIEW, LIKELY), ["public.outbox_view"], ("public.deliveries",)),
        ((PGBOSS, NSERVICEBUS), ["nservicebus", "pg-boss"], ()),
        ((PGBOSS, table("job_queue", "id:int!", "done_at:at", schema="pgboss")), ["pg-boss"], ()),
    ],
)
def test_the_foremost_are_meant(relations, meant, others):
    """Libraries, and tables whose name says it. What no mapping can be true of does not compete; nothing is hidden."""
    assert names(*relations) == (meant, others)


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(profile="pg-boss"), ["pg-boss"]),
        (Choice(table="deliveries"), ["public.deliveries"]),
        (Choice(table="public.outbox"), ["public.outbox"]),
        (Choice(table="outbox"), ["public.outbox", "billing.outbox"]),
        (Choice(table="pgboss.job"), ["pg-boss"]),
        (Choice(table="users"), ["public.users"]),
        (Choice(profile="river"), []),
    ],
)
def test_a_choice(choice, meant):
    """Is meant whatever its name."""
    users = table("users", "id:int!")
    assert names(PGBOSS, OUTBOX, OTHER, LIKELY, users, choice=choice)[0] == meant
