"""The objects that the migration guide documents, as data; nothing here is read from a database.

Source: migrations reference, "Recent Migrations" and "Migration Order"; deployed application, "Tables" (indexes,
policies and schedules as they are deployed).
"""

from dataclasses import dataclass

HOUR = 3600.0
DAY = 24 * HOUR

# Spellings of one and the same default, as pg_get_expr prints them, parentheses removed.
NOW = ("now", "CURRENT_TIMESTAMP", "transaction_timestamp")
# Versions 4 and 7: what matters is that no two are the same. PostgreSQL's own functions (uuidv4 and uuidv7 from 18
# on) and those of the extensions uuid-ossp and pg_uuidv7, in the schemas where they are installed.
RANDOM_UUID = tuple(
    f"{schema}{function}"
    for function in ("gen_random_uuid", "uuidv7", "uuidv4", "uuid_generate_v4", "uuid_generate_v7")
    for schema in ("", "extensions.", "public.")
)
TOMORROW = tuple(f"{now} + '{day}'::interval" for now in NOW for day in ("24:00:00", "1 day"))
EMPTY_OBJECT = ("'{}'::jsonb",)


@dataclass(frozen=True, slots=True)
class ExpectedColumn:
    """A column. Shape: `default` holds every accepted spelling without parentheses; empty for no default."""

    name: str
    type: str
    nullable: bool = False
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedForeignKey:
    """A reference. `schema` is None for the watched schema itself; `on_delete` as in pg_constraint.confdeltype."""

    column: str
    schema: str | None
    table: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class ExpectedIndex:
    """An index; one of another name on the same columns with the same predicate is accepted."""

    name: str
    columns: tuple[str, ...]
    predicate: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectedPolicy:
    """A policy: `command` as in pg_policy.polcmd; it admits a user's own rows if `own_rows`, otherwise no row."""

    name: str
    command: str
    own_rows: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedTable:
    """One table of the migration; the first column is its primary key."""

    name: str
    columns: tuple[ExpectedColumn, ...]
    foreign_keys: tuple[ExpectedForeignKey, ...]
    indexes: tuple[ExpectedIndex, ...]
    policies: tuple[ExpectedPolicy, ...]


@dataclass(frozen=True, slots=True)
class ExpectedParameter:
    """A parameter of a function."""

    name: str
    type: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedMigration:
    """A migration file of the guide."""

    version: str
    name: str

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.version}_{self.name}.sql"


@dataclass(frozen=True, slots=True)
class ExpectedFunction:
    """A function: `returns` is None where nothing is documented; `tables` are those that its body reads or writes."""

    name: str
    parameters: tuple[ExpectedParameter, ...]
    returns: str | None
    callers: tuple[str, ...]
    tables: tuple[str, ...]
    pinned: bool
    migration: ExpectedMigration


@dataclass(frozen=True, slots=True)
class ExpectedJob:
    """A pg_cron job. Units: its last run may be at most `overdue` seconds old."""

    name: str
    schedule: str
    table: str
    overdue: float


COURSE = ExpectedForeignKey("entity_id", None, "courses", "c")

TABLES = (
    ExpectedTable(
        "job_outbox",
        (
            ExpectedColumn("outbox_id", "uuid", default=RANDOM_UUID),
            ExpectedColumn("entity_id", "uuid"),
            ExpectedColumn("queue_name", "character varying(100)"),
            ExpectedColumn("job_data", "jsonb", default=EMPTY_OBJECT),
            ExpectedColumn("job_options", "jsonb", default=EMPTY_OBJECT),
            ExpectedColumn("created_at", "timestamp with time zone", default=NOW),
            ExpectedColumn("processed_at", "timestamp with time zone", nullable=True),
            ExpectedColumn("attempts", "integer", default=("0",)),
            ExpectedColumn("last_error", "text", nullable=True),
            ExpectedColumn("last_attempt_at", "timestamp with time zone", nullable=True),
        ),
        (COURSE,),
        (
            ExpectedIndex("idx_job_outbox_unprocessed", ("created_at",), "processed_at IS NULL"),
            ExpectedIndex("idx_job_outbox_entity", ("entity_id",)),
            ExpectedIndex("idx_job_outbox_cleanup", ("processed_at",), "processed_at IS NOT NULL"),
        ),
        (ExpectedPolicy("job_outbox_system_only", "*"),),
    ),
    ExpectedTable(
        "idempotency_keys",
        (
            ExpectedColumn("key", "character varying(255)"),
            ExpectedColumn("result", "jsonb", default=EMPTY_OBJECT),
            ExpectedColumn("created_at", "timestamp with time zone", default=NOW),
            ExpectedColumn("expires_at", "timestamp with time zone", default=TOMORROW),
            ExpectedColumn("entity_id", "uuid", nullable=True),
        ),
        (COURSE,),
        (
            ExpectedIndex("idx_idempotency_expires", ("expires_at",)),
            ExpectedIndex("idx_idempotency_entity", ("entity_id",)),
        ),
        (ExpectedPolicy("idempotency_keys_system_only", "*"),),
    ),
    ExpectedTable(
        "fsm_events",
        (
            ExpectedColumn("event_id", "uuid", default=RANDOM_UUID),
            ExpectedColumn("entity_id", "uuid"),
            ExpectedColumn("event_type", "character varying(50)"),
            ExpectedColumn("event_data", "jsonb", default=EMPTY_OBJECT),
            ExpectedColumn("created_at", "timestamp with time zone", default=NOW),
            ExpectedColumn("created_by", "character varying(20)"),
            ExpectedColumn("user_id", "uuid", nullable=True),
        ),
        (COURSE, ExpectedForeignKey("user_id", "auth", "users", "n")),
        (
            ExpectedIndex("idx_fsm_events_entity", ("entity_id", "created_at")),
            ExpectedIndex("idx_fsm_events_type", ("event_type",)),
        ),
        (ExpectedPolicy("fsm_events_user_read", "r", own_rows=True), ExpectedPolicy("fsm_events_system_write", "a")),
    ),
)
TABLE_NAMES = tuple(table.name for table in TABLES)

SOURCES = ("API", "QUEUE", "WORKER")

MIGRATIONS = (
    ExpectedMigration("20251118094238", "create_transactional_outbox_tables"),
    ExpectedMigration("20251118095804", "create_initialize_fsm_with_outbox_rpc"),
)

RPC = ExpectedFunction(
    "initialize_fsm_with_outbox",
    (
        ExpectedParameter("p_entity_id", "uuid"),
        ExpectedParameter("p_user_id", "uuid"),
        ExpectedParameter("p_organization_id", "uuid"),
        ExpectedParameter("p_idempotency_key", "text"),
        ExpectedParameter("p_initiated_by", "text"),
        ExpectedParameter("p_initial_state", "text"),
        ExpectedParameter("p_job_data", "jsonb"),
        ExpectedParameter("p_metadata", "jsonb", optional=True),
    ),
    "jsonb",
    ("service_role", "authenticated"),
    TABLE_NAMES,
    pinned=True,
    migration=MIGRATIONS[1],
)

# The deployed clean-up functions pin no search_path: that is a warning, not broken.
FUNCTIONS = (
    RPC,
    *(
        ExpectedFunction(name, (), None, (), (table,), pinned=False, migration=MIGRATIONS[0])
        for name, table in (
            ("cleanup_expired_idempotency_keys", "idempotency_keys"),
            ("cleanup_old_outbox_entries", "job_outbox"),
        )
    ),
)
FUNCTION_NAMES = tuple(function.name for function in FUNCTIONS)

# Expired keys older than about 26 hours mean that the daily clean-up does not run; the weekly one gets the same grace.
JOBS = (
    ExpectedJob("cleanup_expired_idempotency_keys", "0 3 * * *", "idempotency_keys", DAY + 2 * HOUR),
    ExpectedJob("cleanup_old_outbox_entries", "0 2 * * 0", "job_outbox", 7 * DAY + 2 * HOUR),
)
JOB_NAMES = tuple(job.name for job in JOBS)

# Roles of unauthenticated or unknown callers of the API; PUBLIC stands for every role.
OUTSIDERS = ("public", "anon", "authenticated")
