"""`smoke`: the guide's local test, steps 3 to 5 and more, in one transaction that is always rolled back.

It writes and reads rows of its own only, so that no other session waits for it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from exporter.core.errors import SampleError
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport, Deviation, finding_of, unknown_finding
from exporter.migration.smoke.context import NOT_TESTED, SmokeContext, StepFailed
from exporter.migration.smoke.rows import MissingValue
from exporter.migration.smoke.steps import STEPS, SmokeStep
from exporter.migration.smoke.transaction import RolledBackTransaction
from exporter.migration.sql_text import identifier


def smoke(
    dsn: str,
    schema: str,
    given: Mapping[str, str] | None = None,
    accepted: Collection[str] = (),
    observe: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Try the migration and leave nothing behind.

    `given` maps columns of courses to values. `accepted` names triggers and functions that may act outside the
    transaction. `observe` is called with the name of each step before it begins.
    Shape: one finding per step; a step that was not reached is unknown.
    """
    transaction_kind = "one transaction, which cannot be committed"
    observe("transaction")
    try:
        with RolledBackTransaction(dsn, schema) as transaction:
            context = SmokeContext(transaction, given or {}, accepted)
            findings = (finding_of("transaction", transaction_kind, ()), *_run_steps(context, observe))
    except SampleError as error:
        remedy = "connect directly, with a role that may write"
        failed = unknown_finding("transaction", transaction_kind, str(error), remedy)
        return CheckReport((failed, *(_not_reached(step, "transaction") for step in STEPS)))
    return CheckReport(findings, tuple(context.warnings))


def _run_steps(context: SmokeContext, observe: Callable[[str], None]) -> Iterator[CheckFinding]:
    blocked = ""
    for step in STEPS:
        if blocked:
            yield _not_reached(step, blocked)
            continue
        observe(step.name)
        finding = _run_step(context, step)
        if finding.answer is not CheckAnswer.OK and step.needed:
            blocked = step.name
        yield finding
    observe("rolled back")
    yield _rolled_back(context)


def _run_step(context: SmokeContext, step: SmokeStep) -> CheckFinding:
    check, wanted = step.name, step.expected
    try:
        with context.transaction.savepoint(keep=step.keep):
            return finding_of(check, wanted, (), step.run(context))
    except StepFailed as failed:
        return finding_of(check, wanted, (Deviation(str(failed), failed.remedy),))
    except MissingValue as missing:
        return unknown_finding(check, wanted, str(missing), "give it: --set COLUMN=VALUE")
    except NOT_TESTED as error:
        remedy = "smoke needs a role that may do this; see its documentation"
        return unknown_finding(check, wanted, str(error), remedy)
    except SampleError as error:
        return finding_of(check, wanted, (Deviation(str(error), "outbox-exporter verify shows what is wrong"),))


def _not_reached(step: SmokeStep, blocked: str) -> CheckFinding:
    return unknown_finding(step.name, step.expected, f"not reached: {blocked} did not succeed", "")


def _rolled_back(context: SmokeContext) -> CheckFinding:
    """Looks for rows of the test course in a new transaction, after the rollback."""
    check, wanted = "rolled_back", "no row is left"
    try:
        context.transaction.roll_back()
        rows = context.course_rows() if context.rows else None
    except NOT_TESTED as error:
        return unknown_finding(check, wanted, str(error), "without a connection the server rolls back by itself")
    except SampleError as error:
        return unknown_finding(check, wanted, str(error), "")
    if rows and (rows.counts != (0, 0, 0) or rows.key_there):
        courses = identifier(context.transaction.schema, "courses")
        remedy = f"DELETE FROM {courses} WHERE id = '{context.course['id']}';"  # noqa: S608 - for people
        return finding_of(check, wanted, (Deviation(f"the rollback did not hold: {rows}", remedy),))
    return finding_of(check, wanted, ())
