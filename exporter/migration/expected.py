"""What the guide documents, as data: nothing here is read from a database.

Source: migrations reference, "Recent Migrations" and "Migration Order"; deployed application, "Tables" (indexes,
policies and schedules as they are deployed).
"""

from dataclasses import dataclass

HOUR = 3600.0
DAY = 24 * HOUR

# Spellings of one and the same default, as pg_get_expr prints them, parentheses removed.
NOW = ("now", "CURRENT_TIMESTAMP", "transaction_timestamp")
# Versions 4 and 7 alike: nothing relies on more than that no two are the same. PostgreSQL's own (uuidv4 and uuidv7 from
# 18 on) and those of the extensions uuid-ossp and pg_uuidv7, in the schemas where they are installed.
RANDOM_UUID = tuple(
    f"{schema}{function}"
    for function in ("gen_random_uuid", "uuidv7", "uuidv4", "uuid_generate_v4", "uuid_generate_v7")
    for schema in ("", "extensions.", "public.")
)
TOMORROW = tuple(f"{now} + '{day}'::interval" for now in NOW for day in ("24:00:00", "1 day"))
EMPTY_OBJECT = ("'{}'::jsonb",)


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `default` holds every accepted spelling without parentheses; none for no default."""

    name: str
    type: str
    nullable: bool = False
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference. `schema` is None for the watched schema itself; `on_delete` as in pg_constraint.confdeltype."""

    column: str
    schema: str | None
    table: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index by what it does; another one that does the same is as good."""

    name: str
    columns: tuple[str, ...]
    predicate: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy by its meaning: `command` as in pg_policy.polcmd; `own_rows` admits a user's rows, else nothing."""

    name: str
    command: str
    own_rows: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the migration; the first column is its primary key."""

    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function, in its place."""

    name: str
    type: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function: `returns` is None where nothing is documented; `tables` are those that its body works on."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str | None
    callers: tuple[str, ...]
    tables: tuple[str, ...]
    pinned: bool
    version: str


@dataclass(frozen=True, slots=True)
class Job:
    """A pg_cron job. `overdue` is the age in seconds beyond which its last run is too old."""

    name: str
    schedule: str
    table: str
    overdue: float


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of the guide."""

    version: str
    name: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.version}_{self.name}.sql"


COURSE = ForeignKey("entity_id", None, "courses", "c")

TABLES = (
    Table(
        "job_outbox",
        (
            Column("outbox_id", "uuid", default=RANDOM_UUID),
            Column("entity_id", "uuid"),
            Column("queue_name", "character varying(100)"),
            Column("job_data", "jsonb", default=EMPTY_OBJECT),
            Column("job_options", "jsonb", default=EMPTY_OBJECT),
            Column("created_at", "timestamp with time zone", default=NOW),
            Column("processed_at", "timestamp with time zone", nullable=True),
            Column("attempts", "integer", default=("0",)),
            Column("last_error", "text", nullable=True),
            Column("last_attempt_at", "timestamp with time zone", nullable=True),
        ),
        (COURSE,),
        (
            Index("idx_job_outbox_unprocessed", ("created_at",), "processed_at IS NULL"),
            Index("idx_job_outbox_entity", ("entity_id",)),
            Index("idx_job_outbox_cleanup", ("processed_at",), "processed_at IS NOT NULL"),
        ),
        (Policy("job_outbox_system_only", "*"),),
    ),
    Table(
        "idempotency_keys",
        (
            Column("key", "character varying(255)"),
            Column("result", "jsonb", default=EMPTY_OBJECT),
            Column("created_at", "timestamp with time zone", default=NOW),
            Column("expires_at", "timestamp with time zone", default=TOMORROW),
            Column("entity_id", "uuid", nullable=True),
        ),
        (COURSE,),
        (
            Index("idx_idempotency_expires", ("expires_at",)),
            Index("idx_idempotency_entity", ("entity_id",)),
        ),
        (Policy("idempotency_keys_system_only", "*"),),
    ),
    Table(
        "fsm_events",
        (
            Column("event_id", "uuid", default=RANDOM_UUID),
            Column("entity_id", "uuid"),
            Column("event_type", "character varying(50)"),
            Column("event_data", "jsonb", default=EMPTY_OBJECT),
            Column("created_at", "timestamp with time zone", default=NOW),
            Column("created_by", "character varying(20)"),
            Column("user_id", "uuid", nullable=True),
        ),
        (COURSE, ForeignKey("user_id", "auth", "users", "n")),
        (
            Index("idx_fsm_events_entity", ("entity_id", "created_at")),
            Index("idx_fsm_events_type", ("event_type",)),
        ),
        (Policy("fsm_events_user_read", "r", own_rows=True), Policy("fsm_events_system_write", "a")),
    ),
)
TABLE_NAMES = tuple(table.name for table in TABLES)

SOURCES = ("API", "QUEUE", "WORKER")

MIGRATIONS = (
    Migration("20251118094238", "create_transactional_outbox_tables"),
    Migration("20251118095804", "create_initialize_fsm_with_outbox_rpc"),
)

RPC = Function(
    "initialize_fsm_with_outbox",
    (
        Parameter("p_entity_id", "uuid"),
        Parameter("p_user_id", "uuid"),
        Parameter("p_organization_id", "uuid"),
        Parameter("p_idempotency_key", "text"),
        Parameter("p_initiated_by", "text"),
        Parameter("p_initial_state", "text"),
        Parameter("p_job_data", "jsonb"),
        Parameter("p_metadata", "jsonb", optional=True),
    ),
    "jsonb",
    ("service_role", "authenticated"),
    TABLE_NAMES,
    pinned=True,
    version=MIGRATIONS[1].version,
)

# Deployed, the clean-ups pin no search_path: that is a warning, not a breakage.
FUNCTIONS = (
    RPC,
    *(
        Function(name, (), None, (), (table,), pinned=False, version=MIGRATIONS[0].version)
        for name, table in (
            ("cleanup_expired_idempotency_keys", "idempotency_keys"),
            ("cleanup_old_outbox_entries", "job_outbox"),
        )
    ),
)
FUNCTION_NAMES = tuple(function.name for function in FUNCTIONS)

# Expired keys older than about 26 hours mean that the daily clean-up is dead; the weekly one gets the same grace.
JOBS = (
    Job("cleanup_expired_idempotency_keys", "0 3 * * *", "idempotency_keys", DAY + 2 * HOUR),
    Job("cleanup_old_outbox_entries", "0 2 * * 0", "job_outbox", 7 * DAY + 2 * HOUR),
)
JOB_NAMES = tuple(job.name for job in JOBS)

# Roles that anybody on the internet may come in with, PUBLIC being everybody.
OUTSIDERS = ("public", "anon", "authenticated")
