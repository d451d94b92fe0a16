"""`smoke`: the guide's local test, steps 3 to 5 and more, in one transaction that is always rolled back.

Everything is tried on rows of our own making, so that nobody waits for us.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from exporter.core.errors import SampleError
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport, Deviation, finding_of, unknown_finding
from exporter.migration.smoke.context import NOT_TESTED, SmokeContext, StepFailed
from exporter.migration.smoke.rows import MissingValue
from exporter.migration.smoke.steps import STEPS, SmokeStep
from exporter.migration.smoke.transaction import RolledBackTransaction


def smoke(
    dsn: str,
    schema: str,
    given: Mapping[str, str] | None = None,
    accepted: Collection[str] = (),
    observe: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Try the migration and leave nothing behind; every step is reported, those not reached as unknown.

    `given` are values for columns of courses, `accepted` names triggers and functions whose effects outside the
    transaction are all right; `observe` is told each step before it begins.
    """
    transaction = "one transaction, which cannot be committed"
    observe("transaction")
    try:
        with RolledBackTransaction(dsn, schema) as rehearsal:
            trial = SmokeContext(rehearsal, given or {}, accepted)
            findings = (finding_of("transaction", transaction, ()), *_take(trial, observe))
    except SampleError as error:
        findings = (
            unknown_finding("transaction", transaction, str(error), "connect directly, with a role that may write"),
        )
        return CheckReport((*findings, *(_not_reached(step, "transaction") for step in STEPS)))
    return CheckReport(findings, tuple(trial.warnings))


def _take(trial: SmokeContext, observe: Callable[[str], None]) -> Iterator[CheckFinding]:
    blocked = ""
    for step in STEPS:
        if blocked:
            yield _not_reached(step, blocked)
            continue
        observe(step.name)
        finding = _try(trial, step)
        if finding.answer is not CheckAnswer.OK and step.needed:
            blocked = step.name
        yield finding
    observe("rolled back")
    yield _nothing_left(trial)


def _try(trial: SmokeContext, step: SmokeStep) -> CheckFinding:
    try:
        with trial.rehearsal.savepoint(keep=step.keep):
            return finding_of(step.name, step.expected, (), step.run(trial))
    except StepFailed as failed:
        return finding_of(step.name, step.expected, (Deviation(str(failed), failed.remedy),))
    except MissingValue as lacks:
        return unknown_finding(step.name, step.expected, str(lacks), "give it: --set COLUMN=VALUE")
    except NOT_TESTED as error:
        return unknown_finding(
            step.name, step.expected, str(error), "smoke needs a role that may do this; see its documentation"
        )
    except SampleError as error:
        return finding_of(
            step.name, step.expected, (Deviation(str(error), "outbox-exporter verify names what is wrong"),)
        )


def _not_reached(step: SmokeStep, blocked: str) -> CheckFinding:
    return unknown_finding(step.name, step.expected, f"not reached: {blocked} did not succeed", "")


def _nothing_left(trial: SmokeContext) -> CheckFinding:
    """In a new transaction, after the rollback."""
    check, wanted = "rolled_back", "not one row is left"
    try:
        trial.rehearsal.roll_back()
        rows = trial.course_rows() if trial.rows else None
    except NOT_TESTED as error:
        return unknown_finding(check, wanted, str(error), "without a connection the server rolls back by itself")
    except SampleError as error:
        return unknown_finding(check, wanted, str(error), "")
    if rows and (rows.counts != (0, 0, 0) or rows.key_there):
        schema = identifier(trial.rehearsal.schema)
        remedy = f"DELETE FROM {schema}.courses WHERE id = '{trial.entity}';"  # noqa: S608 - for people
        return finding_of(check, wanted, (Deviation(f"the rollback did not hold: {rows}", remedy),))
    return finding_of(check, wanted, ())
