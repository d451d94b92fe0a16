"""What of the migration's own records a role cannot see, before somebody relies on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.database import Session
from exporter.migration.verify.access_checks import ACCESS_SCRIPT, TableAccess, cron_access, history_access


@dataclass(frozen=True, slots=True)
class HiddenRecords:
    """Something that this role cannot see, why, and what rests on it."""

    records: str
    reason: str
    needed_for: str
    is_migration_history: bool = False

    def __str__(self) -> str:
        return f"{self.records}: {self.reason}; {self.needed_for}. {ACCESS_SCRIPT} lets the monitoring role see it"


def hidden_records(session: Session) -> Iterator[HiddenRecords]:
    """Of what exists in this database; reads no row. Raises: SampleError."""
    register = history_access(session)
    if _is_hidden(register):
        yield HiddenRecords(
            "the register of migrations",
            _reason(register),
            "the checks register.* are unknown, and watch.start: migration never begins",
            is_migration_history=True,
        )
    jobs = next((view for view in cron_access(session) if _is_hidden(view)), None)
    if jobs:
        yield HiddenRecords("pg_cron's clean-up jobs", _reason(jobs), "the checks cron.* are unknown")


def _is_hidden(view: TableAccess) -> bool:
    return view.exists and not (view.readable and view.complete)


def _reason(view: TableAccess) -> str:
    return view.obstacle or "a role sees its own jobs alone"
