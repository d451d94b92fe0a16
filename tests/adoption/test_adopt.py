"""`adopt` on real databases: hand-made outboxes, libraries by their published schema, several of them, and none.

Libraries that run: tests/outbox/test_lives.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.adoption import configuration
from exporter.adoption.adopt import Adoption, adopt
from exporter.adoption.recognise import Choice
from exporter.config.settings import Config
from exporter.core.errors import Unreachable
from exporter.lab.ports import free_port
from tests.database.roles import MONITOR, role
from tests.database.sampling import configuration as configured
from tests.outbox.published import loaded
from tests.postgres import Database, cloned, temporary

OUTBOX: Final = Path(__file__).parents[1] / "outbox"
CASES: Final[dict[str, dict[str, Any]]] = {
    file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted((OUTBOX / "handmade").glob("*.yaml"))
}

UNMARKED: Final = (
    "no column says which rows are processed: neither a time, a status nor a flag, and none is a worker's (attempts, a "
    "lock). An outbox that is read from the write-ahead log has none, and its rows do not tell what was read"
)
LOCK: Final = "locked_at is empty unless a worker has the job; a lock that nobody removes counts as running"
ATTEMPTS: Final = (
    "nothing says after how many {} a job is given up: as many as sampling.exhausted_attempts, 5 by default"
)
TOKYO: Final = (
    "inserted, sent are of the time zone Asia/Tokyo: defaults write the time of the session's zone, which is that of "
    "this database unless a session sets another; other writers do the same"
)
# What is not proved of the hand-made outboxes that are recognised. Each of the others is proved.
ASSUMED: Final[dict[str, tuple[str, ...]]] = {
    "attempts_without_maximum": (
        "it is an outbox: its columns look like it, its name does not say so",
        ATTEMPTS.format("attempt_count"),
    ),
    "deleted_on_completion": (LOCK, "no column says which jobs are processed: their rows are deleted"),
    "epoch_milliseconds": (ATTEMPTS.format("tries"),),
    "timestamp_without_zone": (TOKYO,),
    "uuid_status": (
        "a job whose status is failed is not tried again; otherwise list it as status_retrying",
        "a job whose status is cancelled counts nowhere",
    ),
}
# Why no configuration is proposed for the others.
UNDECIDED: Final[dict[str, tuple[str, ...]]] = {
    "change_data_capture": (UNMARKED,),
    "never_null": (
        (
            "next_retry_at, locked_at: some numbers are no time of 2001 to 2286 in any unit; a mapping takes NULL for "
            "no time"
        ),
        "locked_at is never NULL, so that it does not tell which jobs are running",
    ),
    "text_times": (
        "the columns of times, created and done, are of type character varying: texts do not compare as times do",
    ),
    "unknown_words": (
        (
            "the values of the status stand, A, F, N, ZZ, have no known meaning: which of them mean pending, retrying, "
            "running, processed and failed; one that is listed nowhere counts nowhere"
        ),
    ),
    "view": (
        (
            "it is a view, whose rows cannot be proved complete; map a table below it: public.tenant_events, "
            "public.tenants"
        ),
    ),
}
PROVED: Final = (
    "good-job", "masstransit", "nservicebus", "oban", "river", "solid-queue", "spring-modulith", "wolverine",
)  # fmt: skip


def looked(database: Database, choice: Choice = Choice(), user: str = "postgres") -> Adoption:  # noqa: B008 - frozen
    return adopt(configured(database.dsn(user)), choice)


def document(found: Adoption) -> dict[str, Any] | None:
    """The sections that would be printed; None when no configuration is."""
    return configuration.document(found.chosen, Config()) if found.chosen and found.proof else None


def test_every_hand_made_outbox_is_here():
    recognised = {name for name, case in CASES.items() if "mapping" in case}
    assert CASES.keys() - recognised - UNDECIDED.keys() == {"two_candidates"}
    assert ASSUMED.keys() < recognised


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "mapping" in case])
def test_a_hand_made_outbox(embedded, name):
    """The mapping is the one that a person would write, whose values tests/outbox/test_handmade.py checks."""
    case = CASES[name]
    with loaded(embedded, OUTBOX / "handmade" / f"{name}.sql") as database:
        found = looked(database)
    zone = {"database": {"timestamp_zone": case["timestamp_zone"]}} if "timestamp_zone" in case else {}
    assert document(found) == {**zone, "outbox": case["mapping"]}
    assert found.chosen is not None
    assert (found.chosen.assumed, found.missing) == (ASSUMED.get(name, ()), ())
    assert found.status == (1 if name in ASSUMED else 0)
    assert found.proof is not None
    backlog = [f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted")]
    if {"status_failed", "failed", "error", "expires", "max_attempts"} & case["mapping"].keys():
        backlog.remove('outbox_pending_jobs{state="exhausted"}')  # not attempted any more
    assert found.proof.signals[0].value == sum(case["expected"].get(series, 0) for series in backlog)


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_hand_made_outbox_that_is_refused(embedded, name):
    """With its reason, and no configuration."""
    with loaded(embedded, OUTBOX / "handmade" / f"{name}.sql") as database:
        found = looked(database)
    assert (document(found), found.missing, found.status) == (None, UNDECIDED[name], 1)
    assert found.role == ""


@pytest.mark.parametrize(("name", "table"), [("two_candidates", "billing.outbox"), ("view", "tenant_events")])
def test_a_table_is_chosen(embedded, name, table):
    """Of several, and instead of a view."""
    with loaded(embedded, OUTBOX / "handmade" / f"{name}.sql") as database:
        shown = looked(database)
        found = looked(database, Choice(table=table))
    names = {each.relation.full_name for each in shown.proposals} | set(shown.others)
    assert f"public.{table}" in names or table in names
    assert (document(shown), shown.status) == (None, 1)
    assert (document(found), found.status) == ({"outbox": CASES[name]["instead"]["mapping"]}, 0)


@pytest.mark.parametrize("name", PROVED)
def test_a_published_schema(embedded, name):
    """The profile is named and proved."""
    with loaded(embedded, OUTBOX / "schemas" / f"{name}.sql") as database:
        found = looked(database)
    zone = {"database": {"timestamp_zone": "UTC"}} if name in {"good-job", "nservicebus", "oban", "solid-queue"} else {}
    assert document(found) == {**zone, "outbox": {"profile": name}}
    assert (found.missing, found.status) == ((), 0)


def test_a_library_whose_times_have_no_zone(embedded):
    """CAP writes its host's: the configuration has to say which."""
    with loaded(embedded, OUTBOX / "schemas" / "cap.sql") as database:
        found = looked(database)
        told = adopt(configured(database.dsn(), timestamp_zone="UTC"), Choice())
    assert found.missing == ("without time zone: Added; set database.timestamp_zone to that of their writers",)
    assert (document(found), found.status, told.status) == (None, 1, 0)


def test_several_libraries_and_a_role_that_may_not_read(embedded):
    """Candidates are shown by the catalogue alone; what the role lacks is missing until its script was run."""
    with loaded(embedded, OUTBOX / "schemas" / "river.sql") as database:
        database.execute((OUTBOX / "schemas" / "oban.sql").read_bytes())
        with role(database) as stranger:
            both = looked(database, user=stranger)
            river = looked(database, Choice(profile="river"), stranger)
        database.execute(river.role.encode())
        allowed = looked(database, Choice(profile="river"), MONITOR)
        with database.connect(MONITOR) as connection, pytest.raises(Exception, match="permission denied"):
            connection.execute("SELECT args FROM river_job")
        database.execute(river.remove_role.encode())
    assert [each.profile for each in both.proposals] == ["oban", "river"]
    assert (both.chosen, both.role, both.status) == (None, "", 1)
    assert river.status == 1
    assert all(each.startswith("permission: role ") and "GRANT SELECT" in each for each in river.missing)
    assert river.missing
    assert (allowed.missing, allowed.status) == ((), 0)


def test_the_default_tables(embedded):
    """Are one of the profiles."""
    with cloned(embedded) as database:
        found = looked(database)
    assert (document(found), found.status, found.others) == ({"outbox": {"profile": "default"}}, 0, ())
    assert found.role.startswith("-- ====")


def test_nothing_to_recognise(embedded):
    """And nothing that answers."""
    with temporary(embedded) as database:
        database.execute("CREATE TABLE users (id int PRIMARY KEY, created_at timestamptz)")
        found = looked(database)
    assert (found.proposals, found.others, found.status) == ((), (), 3)
    with pytest.raises(Unreachable):
        adopt(configured(f"host=127.0.0.1 port={free_port()}"), Choice())
