"""`check-config` against the database: may every question be asked, and would the answer be believed?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter.collectors.database import DatabaseQuestion
from exporter.errors import SampleError, Stale, Unreachable
from exporter.figures import duration
from exporter.sampling import Sampling

# Nothing was proved, good or bad: nobody answered, or a standby that may be too far behind.
_UNKNOWN = (Unreachable, Stale)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked; `error` is None when it is all right."""

    what: str
    error: SampleError | None = None

    def __str__(self) -> str:
        if self.error is None:
            return f"ok       {self.what}"
        status = "unknown" if isinstance(self.error, _UNKNOWN) else "broken "
        return f"{status}  {self.what}: {self.error.reason}: {self.error}"


def database(sampling: Sampling) -> tuple[Finding, ...]:
    """Connect, prove that nothing is hidden, and have the server plan every statement. Reads no row."""
    sampling.database.open()
    try:
        return tuple(_findings(sampling))
    finally:
        sampling.database.close()


def verdict(findings: Iterable[Finding]) -> int:
    """The exit status: 1 when something is refused, 3 when the database could not be asked or believed, else 0."""
    errors = [finding.error for finding in findings if finding.error]
    if any(not isinstance(error, _UNKNOWN) for error in errors):
        return 1
    return 3 if errors else 0


def _findings(sampling: Sampling) -> Iterator[Finding]:
    checks: list[tuple[str, Callable[[], str]]] = [("server", lambda: _server(sampling))]
    checks += [(question.name, partial(_question, sampling, question)) for question in sampling.questions]
    for name, found in checks:
        try:
            finding = Finding(found())
        except _UNKNOWN as error:
            yield Finding(f"database {sampling.database.target}", error)
            return
        except SampleError as error:
            finding = Finding(name, error)
        yield finding


def _server(sampling: Sampling) -> str:
    """Which server answers, and what that means for the commands that need proof."""
    with sampling.database.sample():
        server = sampling.database.server
    if server is None or not server.in_recovery:
        return f"server: {server} answers"
    return (
        f"server: {server} answers, at most {duration(server.lag or 0)} behind; verify, smoke, rollback-check and the "
        "watch need the primary"
    )


def _question(sampling: Sampling, question: DatabaseQuestion) -> str:
    tables = ", ".join(table.name for table in question.reads)
    planned = f"{question.name}: {tables} visible, {len(question.statements)} statements planned"
    return planned + _ask(sampling, question)


def _ask(sampling: Sampling, question: DatabaseQuestion) -> str:
    """Ask for the plans; answers with advice, empty when there is none to give."""
    with sampling.database.sample(*question.reads) as session:
        for statement in question.statements:
            session.plan(statement)
        found = question.index.found_in(sampling.catalogue.rows(session, question.index.table))
    return "" if found else f"; an index on {question.index.definition} would make it cheaper"
