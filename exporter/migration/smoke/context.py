"""State that the steps of a smoke test share: the test course, the RPC calls made for it, and the role they assume."""

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.core.errors import Locked, LoginRefused, PermissionDenied, RowsHidden, SampleError, TooSlow, Unreachable
from exporter.migration.report import CheckWarning
from exporter.migration.smoke.rows import PlannedRow
from exporter.migration.smoke.transaction import RolledBackTransaction
from exporter.migration.sql_text import identifier

STATE = "stage_2_init"
QUEUE = "test-queue"
JOBS: list[dict[str, Any]] = [{"queue": QUEUE, "data": {}, "options": {}}]

# Errors after which a step was not tested, rather than failed.
NOT_TESTED = (LoginRefused, PermissionDenied, RowsHidden, Locked, TooSlow, Unreachable)


class StepFailed(Exception):
    """A step found something else than it expects; `remedy` says how to correct it."""

    def __init__(self, found: str, remedy: str = "outbox-exporter verify shows what is wrong") -> None:
        super().__init__(found)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class RpcCall:
    """The row of sql/migration/smoke_call.sql. Units: `seconds` inside the server, without the network."""

    result: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class CourseRows:
    """The row of sql/migration/smoke_rows.sql: how many rows of each table belong to the test course."""

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


@dataclass(slots=True)
class SmokeContext:
    """`given` and `accepted` as for `smoke`; the steps fill in `rows`, `first_call` and `warnings`."""

    transaction: RolledBackTransaction
    given: Mapping[str, str]
    accepted: Collection[str]
    key: str = field(default_factory=lambda: f"outbox-smoke-{uuid.uuid4()}")
    rows: tuple[PlannedRow, ...] = ()
    first_call: RpcCall | None = None
    warnings: list[CheckWarning] = field(default_factory=list)

    @property
    def course(self) -> Mapping[str, object]:
        """The values of the test course, by column."""
        return self.rows[-1].values

    def call(self, key: str | None = None, **other: object) -> RpcCall:
        """Call the RPC as the guide does; `other` replaces parameters of the statement. Raises: SampleError."""
        parameters: dict[str, object] = {
            "entity": self.course["id"],
            "user": self.course.get("user_id", uuid.uuid4()),
            "organization": self.course.get("organization_id", uuid.uuid4()),
            "key": key or self.key,
            "state": STATE,
            "jobs": JOBS,
        }
        parameters |= other
        parameters["jobs"] = json.dumps(parameters["jobs"])
        return self.transaction.fetch_one("migration/smoke_call", RpcCall, **parameters)

    def course_rows(self, key: str | None = None) -> CourseRows:
        """The rows of the three tables that belong to the test course. Raises: SampleError."""
        entity = self.course["id"]
        return self.transaction.fetch_one("migration/smoke_rows", CourseRows, entity=entity, key=key or self.key)

    def succeeds(self, action: Callable[[], object]) -> bool:
        """Whether the database allows an action, which is undone in any case.

        Raises: Unreachable, TooSlow, Locked, which are no refusal.
        """
        try:
            with self.transaction.savepoint(keep=False):
                action()
        except (Unreachable, TooSlow, Locked):
            raise
        except SampleError:
            return False
        return True

    def assume_role(self, role: str, user: object = None, path: str = "") -> None:
        """Until the end of the savepoint act as this role and signed-in user, with this search_path.

        By default the path is the application's schema: triggers and functions that pin none search there.
        Raises: SampleError.
        """
        path = path or identifier(self.transaction.schema)
        self.transaction.execute("migration/smoke_assume_role", role=role, user=user, search_path=path)

    def reset_role(self) -> None:
        """Act as the role that logged in again. Raises: SampleError."""
        self.assume_role("none")
