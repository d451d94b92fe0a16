"""Applies the prerequisites and the two migrations to a database, as the team's own tool does."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import psycopg

_HERE: Final = Path(__file__).parent


class Schema(Enum):
    """The two variants of the migrated schema that are in use."""

    DOCUMENTED = "documented"
    DEPLOYED = "deployed"


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One file, named <version>_<name>.sql."""

    version: str
    name: str
    path: Path


def migrations() -> tuple[MigrationFile, ...]:
    """The migrations, in the order in which they apply."""
    files = sorted((_HERE / "migrations").glob("*.sql"))
    return tuple(_named(file) for file in files)


def _named(file: Path) -> MigrationFile:
    version, _, name = file.stem.partition("_")
    return MigrationFile(version, name, file)


def apply(connection: psycopg.Connection, schema: Schema = Schema.DOCUMENTED) -> None:
    """Migrates a database to `schema`, one transaction per file. Applying it again changes nothing.

    Uses pg_cron where the extension is installed in this database, and a stand-in elsewhere.

    Args:
        connection: a superuser's, outside of any transaction.
        schema: the variant of the schema.
    """
    apply_prerequisites(connection)
    for migration in migrations():
        apply_migration(connection, migration)
    if schema is Schema.DEPLOYED:
        _run_file(connection, _HERE / "sql" / "deployed_variant.sql")


def apply_prerequisites(connection: psycopg.Connection) -> None:
    """Creates what the migrations need: Supabase's roles and schemas, the courses, `cron`."""
    _run_file(connection, _HERE / "sql" / "prerequisites.sql")
    with connection.transaction():
        has_cron = connection.execute("SELECT FROM pg_extension WHERE extname = 'pg_cron'").fetchone() is not None
    if not has_cron:
        _run_file(connection, _HERE / "sql" / "cron_standin.sql")


def apply_migration(connection: psycopg.Connection, migration: MigrationFile) -> None:
    """Applies one migration and records its version, in one transaction."""
    with connection.transaction():
        _run_file(connection, migration.path)
        connection.execute(
            "INSERT INTO supabase_migrations.schema_migrations (version, name, statements)"
            " VALUES (%s, %s, %s) ON CONFLICT (version) DO NOTHING",
            (migration.version, migration.name, [migration.path.read_text(encoding="utf-8")]),
        )


def _run_file(connection: psycopg.Connection, path: Path) -> None:
    with connection.transaction():
        connection.execute(path.read_text(encoding="utf-8"))
