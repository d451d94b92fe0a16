"""What of the migration's own records a role cannot see, before somebody relies on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.database import Session
from exporter.migration.bookkeeping import ACCESS_SCRIPT, View, cron_views, register_view


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something that this role cannot see, why, and what rests on it."""

    what: str
    why: str
    needed_for: str
    is_register: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.needed_for}. {ACCESS_SCRIPT} lets the monitoring role see it"


def hidden(session: Session) -> Iterator[Hidden]:
    """Of what exists in this database; reads no row. Raises: SampleError."""
    register = register_view(session)
    if _is_hidden(register):
        yield Hidden(
            "the register of migrations",
            _why(register),
            "the checks register.* are unknown, and watch.start: migration never begins",
            is_register=True,
        )
    jobs = next((view for view in cron_views(session) if _is_hidden(view)), None)
    if jobs:
        yield Hidden("pg_cron's clean-up jobs", _why(jobs), "the checks cron.* are unknown")


def _is_hidden(view: View) -> bool:
    return view.exists and not (view.readable and view.complete)


def _why(view: View) -> str:
    return view.obstacle or "a role sees its own jobs alone"
