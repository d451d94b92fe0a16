"""What the steps of a smoke test share: their course, the calls that they make for it, and who they pretend to be."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.core.errors import Locked, PermissionDenied, RowsHidden, SampleError, TooSlow, Unreachable
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckWarning
from exporter.migration.smoke import rows as furnish
from exporter.migration.smoke.transaction import RolledBackTransaction, new_id

STATE = "stage_2_init"
QUEUE = "test-queue"
JOBS: list[dict[str, Any]] = [{"queue": QUEUE, "data": {}, "options": {}}]

# What says that the test could not be made, rather than that it failed.
NOT_TESTED = (PermissionDenied, RowsHidden, Locked, TooSlow, Unreachable)


class StepFailed(Exception):
    """A step did not give what it should."""

    def __init__(self, found: str, remedy: str = "outbox-exporter verify names what is wrong") -> None:
        super().__init__(found)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class RpcCall:
    """The row of sql/migration/smoke_call.sql."""

    result: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class CourseRows:
    """The row of sql/migration/smoke_rows.sql."""

    jobs: int
    queues: list[str]
    events: int
    sources: list[str]
    keys: int
    key_there: bool

    @property
    def counts(self) -> tuple[int, int, int]:
        """Rows of job_outbox, fsm_events, idempotency_keys."""
        return self.jobs, self.events, self.keys


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """The row of sql/migration/smoke_become.sql."""

    role: str


@dataclass(slots=True)
class SmokeContext:
    """What the steps hand on: our course and what the RPC said about it."""

    rehearsal: RolledBackTransaction
    given: Mapping[str, str]
    accepted: Collection[str]
    key: str = field(default_factory=lambda: f"outbox-smoke-{new_id()}")
    rows: tuple[furnish.PlannedRow, ...] = ()
    first: RpcCall | None = None
    warnings: list[CheckWarning] = field(default_factory=list)

    @property
    def course(self) -> Mapping[str, object]:
        """Our course."""
        return self.rows[-1].values

    @property
    def entity(self) -> object:
        """Its id."""
        return self.course["id"]

    def call(self, key: str | None = None, **other: object) -> RpcCall:
        """One call of the RPC, as the guide makes it. Raises: SampleError."""
        parameters: dict[str, object] = {
            "entity": self.entity,
            "user": self.course.get("user_id", new_id()),
            "organization": self.course.get("organization_id", new_id()),
            "key": key or self.key,
            "state": STATE,
            "jobs": JOBS,
        }
        return self.rehearsal.fetch_one("migration/smoke_call", RpcCall, **{**parameters, **other})

    def course_rows(self, key: str | None = None) -> CourseRows:
        """What the tables hold about our course."""
        return self.rehearsal.fetch_one("migration/smoke_rows", CourseRows, entity=self.entity, key=key or self.key)

    def succeeds(self, act: Callable[[], object]) -> bool:
        """Whether it can be done; undone in any case. Being refused is the answer, being cut off is not."""
        try:
            with self.rehearsal.savepoint(keep=False):
                act()
        except (Unreachable, TooSlow, Locked):
            raise
        except SampleError:
            return False
        return True

    def assume_role(self, role: str, user: object = None, path: str = "") -> None:
        """From here to the end of the savepoint be that role and that signed-in user, with that search_path.

        By default the path is the one that callers have: triggers and functions that pin none look there.
        """
        path = path or identifier(self.rehearsal.schema)
        self.rehearsal.fetch_one("migration/smoke_become", AssumedRole, role=role, user=user, search_path=path)

    def reset_role(self) -> None:
        """The writing role again."""
        self.assume_role("none")
