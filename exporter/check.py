"""`check-config` against the database: may every question be asked, and would the answer be believed?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.collectors.database import DatabaseQuestion
from exporter.errors import PermissionDenied, SampleError, Unreachable
from exporter.migration import access
from exporter.sampling import Sampling

_WATCH_BEGINS_BY_REGISTER = "migration"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked; `error` is None when it is all right. A `note` says what this set-up goes without."""

    what: str
    error: SampleError | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.note:
            return f"note     {self.what}: {self.note}"
        if self.error is None:
            return f"ok       {self.what}"
        status = "unknown" if isinstance(self.error, Unreachable) else "broken "
        return f"{status}  {self.what}: {self.error.reason}: {self.error}"


def database(sampling: Sampling) -> tuple[Finding, ...]:
    """Connect, prove that nothing is hidden, and have the server plan every statement. Reads no row."""
    sampling.database.open()
    try:
        return tuple(_findings(sampling))
    finally:
        sampling.database.close()


def verdict(findings: Iterable[Finding]) -> int:
    """The exit status: 1 when something is refused, 3 when the database could not be asked, else 0."""
    errors = [finding.error for finding in findings if finding.error]
    if any(not isinstance(error, Unreachable) for error in errors):
        return 1
    return 3 if errors else 0


def _findings(sampling: Sampling) -> Iterator[Finding]:
    for question in sampling.questions:
        tables = ", ".join(table.name for table in question.reads)
        planned = f"{question.name}: {tables} visible, {len(question.statements)} statements planned"
        try:
            finding = Finding(planned + _ask(sampling, question))
        except Unreachable as error:
            yield Finding(f"database {sampling.database.target}", error)
            return
        except SampleError as error:
            finding = Finding(question.name, error)
        yield finding
    yield from _migration(sampling)


def _migration(sampling: Sampling) -> Iterator[Finding]:
    """What the role cannot see is no mistake, unless the configuration relies on it."""
    try:
        with sampling.database.sample() as session:
            unseen = tuple(access.hidden(session))
    except SampleError as error:
        yield Finding("migration", error)
        return
    needs_register = sampling.config.watch.start == _WATCH_BEGINS_BY_REGISTER
    for each in unseen:
        if needs_register and each.is_register:
            yield Finding("watch.start: migration", PermissionDenied(str(each)))
        else:
            yield Finding("migration", note=str(each))


def _ask(sampling: Sampling, question: DatabaseQuestion) -> str:
    """Ask for the plans; answers with advice, empty when there is none to give."""
    with sampling.database.sample(*question.reads) as session:
        for statement in question.statements:
            session.plan(statement)
        found = question.index.found_in(sampling.catalogue.rows(session, question.index.table))
    return "" if found else f"; an index on {question.index.definition} would make it cheaper"
