"""The first rows of the lab: organisations, users, courses, and the history of the outbox."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

_ORGANIZATIONS: Final = ("Northwind Academy", "Helix Institute", "Open Harbour", "Atlas Learning")
_USERS_EACH: Final = 2
_COURSES_EACH: Final = 10  # per organisation
_SUBJECTS: Final = ("Algebra", "Botany", "Chemistry", "Databases", "Economics", "French", "Geology", "History")
_HISTORY: Final = Path(__file__).parent / "sql" / "history.sql"


@dataclass(frozen=True, slots=True)
class Course:
    """A course whose generation can be initialised."""

    id: UUID
    user_id: UUID
    organization_id: UUID


def create_courses(connection: psycopg.Connection, rng: random.Random) -> list[Course]:
    """Inserts the organisations with their users and courses."""
    courses = []
    for name in _ORGANIZATIONS:
        organization = _new_id(connection, "INSERT INTO organizations (name) VALUES (%s) RETURNING id", name)
        users = [
            _new_id(connection, "INSERT INTO auth.users (email) VALUES (%s) RETURNING id", None)
            for _ in range(_USERS_EACH)
        ]
        courses += [add_course(connection, rng.choice(users), organization, rng) for _ in range(_COURSES_EACH)]
    return courses


def add_course(connection: psycopg.Connection, user_id: UUID, organization_id: UUID, rng: random.Random) -> Course:
    """Inserts a course."""
    title = f"{rng.choice(_SUBJECTS)} {rng.randrange(100, 500)}"
    slug = f"{title.lower().replace(' ', '-')}-{rng.getrandbits(48):012x}"
    course = _new_id(
        connection,
        "INSERT INTO courses (title, slug, user_id, organization_id) VALUES (%s, %s, %s, %s) RETURNING id",
        title,
        slug,
        user_id,
        organization_id,
    )
    return Course(course, user_id, organization_id)


def insert_history(connection: psycopg.Connection, rng: random.Random) -> None:
    """Inserts about 4000 processed rows: the last hour, and fewer of the month before it."""
    with connection.transaction():
        connection.execute("SELECT setseed(%s)", (rng.random(),))
        connection.execute(_HISTORY.read_text(encoding="utf-8"))


def _new_id(connection: psycopg.Connection, statement: str, *values: object) -> UUID:
    row = connection.execute(statement, values).fetchone()
    if row is None or not isinstance(row[0], UUID):
        raise TypeError(f"no id came back from {statement!r}")
    return row[0]
