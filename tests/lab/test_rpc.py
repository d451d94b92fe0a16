"""initialize_fsm_with_outbox: atomic, validated, idempotent, and restricted to the caller."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.postgres import Database

SIGNATURE = "initialize_fsm_with_outbox(uuid, uuid, uuid, text, text, text, jsonb, jsonb)"
CALL = """
    SELECT initialize_fsm_with_outbox(
      p_entity_id := %(course)s, p_user_id := %(user)s, p_organization_id := %(organization)s,
      p_idempotency_key := %(key)s, p_initiated_by := %(by)s, p_initial_state := %(state)s,
      p_job_data := %(jobs)s, p_metadata := %(metadata)s)
"""
ONE_JOB = [{"queue": "test-queue", "data": {"a": 1}, "options": {"attempts": 3}}]


@dataclass(frozen=True)
class Rpc:
    database: Database
    course: UUID
    user: UUID
    organization: UUID

    def arguments(self, **changes: object) -> dict[str, object]:
        given = {
            "course": self.course,
            "user": self.user,
            "organization": self.organization,
            "key": "key-1",
            "by": "API",
            "state": "stage_2_init",
            "jobs": ONE_JOB,
            "metadata": {},
            **changes,
        }
        return {
            name: json.dumps(value) if name in ("jobs", "metadata") and value is not None else value
            for name, value in given.items()
        }

    def call(self, role: str = "service_role", **changes: object) -> Any:
        with self.database.connect(role) as connection:
            (answer,) = connection.execute(CALL, self.arguments(**changes)).fetchone() or (None,)
            return answer

    def counts(self) -> tuple[int, ...]:
        """Rows in the outbox, the events and the keys."""
        return tuple(
            self.database.value(f"SELECT count(*) FROM {table}")
            for table in ("job_outbox", "fsm_events", "idempotency_keys")
        )


@pytest.fixture
def rpc(database):
    organization = database.value("INSERT INTO organizations (name) VALUES ('o') RETURNING id")
    user = database.value("INSERT INTO auth.users DEFAULT VALUES RETURNING id")
    course = database.value(
        "INSERT INTO courses (title, slug, user_id, organization_id) VALUES ('Test Course', 'test-course', %s, %s)"
        " RETURNING id",
        (user, organization),
    )
    return Rpc(database, course, user, organization)


def test_one_call_writes_state_jobs_event_and_key(rpc):
    """The documented answer, and one row for each item of it."""
    jobs = [{"queue": "one", "data": {"n": 1}, "options": {"attempts": 3}}, {"queue": "two"}]
    answer = rpc.call(jobs=jobs, metadata={"plan": "pro"})
    state, entries = answer["fsmState"], answer["outboxEntries"]
    assert set(answer) == {"fsmState", "outboxEntries"}
    assert {**state, "created_at": None} == {
        "entity_id": str(rpc.course),
        "state": "stage_2_init",
        "version": 1,
        "created_by": str(rpc.user),
        "created_at": None,
    }
    assert [entry["queue_name"] for entry in entries] == ["one", "two"]
    with rpc.database.connect() as connection:
        stored = connection.execute(
            "SELECT outbox_id::text, queue_name, job_data, job_options, processed_at, attempts FROM job_outbox"
            " ORDER BY queue_name"
        ).fetchall()
        assert stored == [
            (entries[0]["outbox_id"], "one", {"n": 1}, {"attempts": 3}, None, 0),
            (entries[1]["outbox_id"], "two", {}, {}, None, 0),
        ]
        event = connection.execute(
            "SELECT entity_id, event_type, created_by, user_id, event_data FROM fsm_events"
        ).fetchone()
        assert event[:4] == (rpc.course, "FSM_INITIALIZED", "API", rpc.user)
        assert event[4] == {"state": "stage_2_init", "initiatedBy": "API", "jobCount": 2, "metadata": {"plan": "pro"}}
        kept = connection.execute(
            "SELECT key, result, entity_id, expires_at - created_at FROM idempotency_keys"
        ).fetchone()
        assert (kept[0], kept[1], kept[2]) == ("key-1", answer, rpc.course)
        assert kept[3].total_seconds() == 48 * 3600
    assert rpc.database.value("SELECT generation_status FROM courses") == "stage_2_init"


def test_no_jobs_are_allowed(rpc):
    """An empty array gives an empty list, and the event all the same, as the guide's first test does."""
    assert rpc.call(jobs=[])["outboxEntries"] == []
    assert rpc.counts() == (0, 1, 1)


def test_metadata_may_be_left_out(rpc):
    """The eighth parameter has a default, and NULL means the same."""
    with rpc.database.connect() as connection:
        connection.execute(
            "SELECT initialize_fsm_with_outbox(%s, %s, %s, 'k', 'API', 's', '[]')",
            (rpc.course, rpc.user, rpc.organization),
        )
    rpc.call(key="k2", metadata=None)
    assert rpc.counts() == (1, 2, 2)


@pytest.mark.parametrize(
    ("initiated_by", "source"),
    [
        ("API", "API"),
        ("QUEUE", "QUEUE"),
        ("WORKER", "WORKER"),
        ("TEST", "API"),
        ("ADMIN", "API"),
        ("", "API"),
        (None, "API"),
    ],
)
def test_unknown_initiators_count_as_api(rpc, initiated_by, source):
    """TEST, ADMIN or anything else is stored as API."""
    rpc.call(by=initiated_by)
    assert rpc.database.value("SELECT created_by FROM fsm_events") == source


def test_a_repeated_key_gets_the_first_answer_and_writes_nothing(rpc):
    """Whatever else is passed the second time, as in the guide's step 4."""
    first = rpc.call()
    assert rpc.call(jobs=[], state="another", by="WORKER") == first
    assert rpc.counts() == (1, 1, 1)


def test_an_expired_key_still_answers_until_it_is_deleted(rpc):
    """Expired keys stay until the clean-up."""
    first = rpc.call()
    rpc.database.execute("UPDATE idempotency_keys SET expires_at = NOW() - INTERVAL '1 day'")
    assert rpc.call() == first
    rpc.database.execute("SELECT cleanup_expired_idempotency_keys()")
    assert rpc.call() != first


def test_simultaneous_calls_with_one_key_write_once(rpc):
    """Eight callers at the same moment get one and the same answer, and one set of rows."""
    barrier = threading.Barrier(8)
    answers = []

    def call():
        with rpc.database.connect("service_role") as connection:
            barrier.wait()
            answers.append(connection.execute(CALL, rpc.arguments()).fetchone()[0])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert rpc.counts() == (1, 1, 1)


def test_the_second_caller_waits_for_the_first_to_commit(rpc):
    """An uncommitted first call holds the second back, which then finds its result rather than an error."""
    answers = []

    def second():
        with rpc.database.connect("service_role") as connection:
            answers.append(connection.execute(CALL, rpc.arguments()).fetchone()[0])

    with rpc.database.connect("service_role", autocommit=False) as connection:
        first = connection.execute(CALL, rpc.arguments()).fetchone()[0]
        thread = threading.Thread(target=second)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        deadline = time.monotonic() + 10
        while rpc.database.value(waiting) == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert answers == []
        connection.commit()
    thread.join(10)
    assert answers == [first]
    assert rpc.counts() == (1, 1, 1)


def test_a_rolled_back_first_call_leaves_the_key_free(rpc):
    """Nothing remains of a call whose transaction is rolled back; the key can be used."""
    with rpc.database.connect("service_role", autocommit=False) as connection:
        connection.execute(CALL, rpc.arguments())
        connection.rollback()
    assert rpc.counts() == (0, 0, 0)
    rpc.call()
    assert rpc.counts() == (1, 1, 1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"course": None}, "22023", "p_entity_id, p_user_id and p_organization_id must not be NULL"),
        ({"user": None}, "22023", "must not be NULL"),
        ({"organization": None}, "22023", "must not be NULL"),
        ({"key": None}, "22023", "p_idempotency_key must have 1 to 255 characters"),
        ({"key": ""}, "22023", "p_idempotency_key"),
        ({"key": " \t\n"}, "22023", "not be blank"),
        ({"key": "k" * 256}, "22023", "1 to 255 characters"),
        ({"state": None}, "22023", "p_initial_state must not be blank"),
        ({"state": "  "}, "22023", "p_initial_state must not be blank"),
        ({"jobs": None}, "22023", "p_job_data must be a JSON array"),
        ({"jobs": {}}, "22023", "p_job_data must be a JSON array"),
        ({"jobs": "text"}, "22023", "p_job_data must be a JSON array"),
        ({"jobs": [*ONE_JOB, 7]}, "22023", "job 2 of p_job_data must be a JSON object"),
        ({"jobs": [{}]}, "22023", 'job 1 of p_job_data needs a "queue"'),
        ({"jobs": [*ONE_JOB, {"queue": None}]}, "22023", 'job 2 of p_job_data needs a "queue"'),
        ({"jobs": [{"queue": " "}]}, "22023", 'needs a "queue"'),
        ({"jobs": [{"queue": 5}]}, "22023", 'needs a "queue"'),
        ({"jobs": [{"queue": "q" * 101}]}, "22023", "1 to 100 characters"),
        ({"jobs": [{"queue": "q", "data": []}]}, "22023", '"data" and "options" of job 1'),
        ({"jobs": [{"queue": "q", "options": "x"}]}, "22023", '"data" and "options" of job 1'),
        ({"metadata": []}, "22023", "p_metadata must be a JSON object"),
        ({"course": uuid4()}, "P0002", "course .* does not exist"),
        ({"user": uuid4()}, "P0002", "user .* does not exist"),
        ({"organization": uuid4()}, "42501", "does not belong to organization"),
    ],
)
def test_bad_input_is_refused_clearly_and_writes_nothing(rpc, changes, error, message):
    """Each mistake has its message and its SQLSTATE, and leaves no row: not of the good jobs before it either."""
    with pytest.raises(psycopg.Error, match=message) as caught:
        rpc.call(**changes)
    assert caught.value.sqlstate == error
    assert rpc.counts() == (0, 0, 0)
    assert rpc.database.value("SELECT generation_status FROM courses") is None


def test_a_key_of_another_course_is_refused(rpc):
    """A key reveals nothing about a course that is not the caller's."""
    rpc.call()
    other = rpc.database.value(
        "INSERT INTO courses (title, slug, user_id, organization_id) VALUES ('x', 'x', %s, %s) RETURNING id",
        (rpc.user, rpc.organization),
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another course"):
        rpc.call(course=other)


def test_a_signed_in_user_speaks_for_themselves_only(rpc):
    """As authenticated the claimed user must be the one in the token."""
    with rpc.database.connect("authenticated") as connection:
        for subject, allowed in ((rpc.user, True), (uuid4(), False)):
            connection.execute(
                "SELECT set_config('request.jwt.claims', %s, false)", (json.dumps({"sub": str(subject)}),)
            )
            arguments = rpc.arguments(key=str(subject))
            if allowed:
                connection.execute(CALL, arguments)
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="signed-in user"):
                    connection.execute(CALL, arguments)
    assert rpc.counts() == (1, 1, 1)


def test_who_may_call_it(rpc):
    """service_role and authenticated may, anon and everybody else may not."""
    for role, allowed in (("service_role", True), ("authenticated", True), ("anon", False)):
        assert rpc.database.value("SELECT has_function_privilege(%s, %s, 'EXECUTE')", (role, SIGNATURE)) is allowed
    acl = rpc.database.value("SELECT proacl::text FROM pg_proc WHERE proname = 'initialize_fsm_with_outbox'")
    assert "{=X" not in acl
    assert ",=X" not in acl
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rpc.call(role="anon")


def test_its_attributes_are_the_documented_ones(rpc):
    """SECURITY DEFINER, volatile, search_path pinned, row security off, eight parameters."""
    with rpc.database.connect() as connection:
        row = connection.execute(
            "SELECT prosecdef, provolatile::text, proconfig, pronargs, pronargdefaults, prorettype::regtype::text"
            " FROM pg_proc WHERE proname = 'initialize_fsm_with_outbox'"
        ).fetchone()
    assert row == (True, "v", ["search_path=public, pg_temp", "row_security=off"], 8, 1, "jsonb")


def test_the_search_path_cannot_be_hijacked(rpc):
    """Temporary tables and functions of the caller, named like ours, are not touched by the function."""
    with rpc.database.connect("authenticated") as connection:
        connection.execute("CREATE TEMPORARY TABLE job_outbox (LIKE public.job_outbox)")
        connection.execute("CREATE TEMPORARY TABLE idempotency_keys (key text, result jsonb, entity_id uuid)")
        connection.execute("CREATE TEMPORARY TABLE courses (id uuid, organization_id uuid)")
        connection.execute(
            "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2000-01-01' $$"
        )
        connection.execute("SET search_path = pg_temp, public")
        connection.execute(CALL.replace("initialize_fsm", "public.initialize_fsm"), rpc.arguments())
        assert connection.execute("SELECT count(*) FROM pg_temp.job_outbox").fetchone() == (0,)
    assert rpc.counts() == (1, 1, 1)
    assert rpc.database.value("SELECT created_at > NOW() - INTERVAL '1 minute' FROM public.job_outbox") is True


def test_the_guides_own_test_steps_hold(rpc):
    """Steps 3 to 5 of "Testing Migrations": call, call again, delete the course."""
    guide = {"by": "TEST", "key": "test-migration-1", "jobs": [{"queue": "test-queue", "data": {}, "options": {}}]}
    rpc.call(**guide)
    assert rpc.counts() == (1, 1, 1)
    rpc.call(**{**guide, "jobs": []})
    assert rpc.counts() == (1, 1, 1)
    rpc.database.execute("DELETE FROM courses WHERE id = %s", (rpc.course,))
    assert rpc.counts() == (0, 0, 0)
