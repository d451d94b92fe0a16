"""`smoke`: the guide's local test, steps 3 to 5 and more, in one transaction that is always rolled back.

Everything is tried on rows of our own making, so that nobody waits for us.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from exporter.errors import SampleError
from exporter.migration.findings import Answer, Finding, Report, Trouble, judged, unknown
from exporter.migration.furnish import Lacks
from exporter.migration.quoting import identifier
from exporter.migration.rehearsal import Rehearsal
from exporter.migration.steps import STEPS, Step
from exporter.migration.trial import NOT_TESTED, Failed, Trial


def smoke(
    dsn: str,
    schema: str,
    given: Mapping[str, str] | None = None,
    accepted: Collection[str] = (),
    observe: Callable[[str], None] = lambda _: None,
) -> Report:
    """Try the migration and leave nothing behind; every step is reported, those not reached as unknown.

    `given` are values for columns of courses, `accepted` names triggers and functions whose effects outside the
    transaction are all right; `observe` is told each step before it begins.
    """
    transaction = "one transaction, which cannot be committed"
    observe("transaction")
    try:
        with Rehearsal(dsn, schema) as rehearsal:
            trial = Trial(rehearsal, given or {}, accepted)
            findings = (judged("transaction", transaction, ()), *_take(trial, observe))
    except SampleError as error:
        findings = (unknown("transaction", transaction, str(error), "connect directly, with a role that may write"),)
        return Report((*findings, *(_not_reached(step, "transaction") for step in STEPS)))
    return Report(findings, tuple(trial.cautions))


def _take(trial: Trial, observe: Callable[[str], None]) -> Iterator[Finding]:
    blocked = ""
    for step in STEPS:
        if blocked:
            yield _not_reached(step, blocked)
            continue
        observe(step.name)
        finding = _try(trial, step)
        if finding.answer is not Answer.OK and step.needed:
            blocked = step.name
        yield finding
    observe("rolled back")
    yield _nothing_left(trial)


def _try(trial: Trial, step: Step) -> Finding:
    try:
        with trial.rehearsal.attempt(keep=step.keep):
            return judged(step.name, step.expected, (), step.run(trial))
    except Failed as failed:
        return judged(step.name, step.expected, (Trouble(str(failed), failed.remedy),))
    except Lacks as lacks:
        return unknown(step.name, step.expected, str(lacks), "give it: --set COLUMN=VALUE")
    except NOT_TESTED as error:
        return unknown(
            step.name, step.expected, str(error), "smoke needs a role that may do this; see its documentation"
        )
    except SampleError as error:
        return judged(step.name, step.expected, (Trouble(str(error), "outbox-exporter verify names what is wrong"),))


def _not_reached(step: Step, blocked: str) -> Finding:
    return unknown(step.name, step.expected, f"not reached: {blocked} did not succeed", "")


def _nothing_left(trial: Trial) -> Finding:
    """In a new transaction, after the rollback."""
    check, wanted = "rolled_back", "not one row is left"
    try:
        trial.rehearsal.roll_back()
        rows = trial.look() if trial.rows else None
    except NOT_TESTED as error:
        return unknown(check, wanted, str(error), "without a connection the server rolls back by itself")
    except SampleError as error:
        return unknown(check, wanted, str(error), "")
    if rows and (rows.counts != (0, 0, 0) or rows.key_there):
        schema = identifier(trial.rehearsal.schema)
        remedy = f"DELETE FROM {schema}.courses WHERE id = '{trial.entity}';"  # noqa: S608 - for people
        return judged(check, wanted, (Trouble(f"the rollback did not hold: {rows}", remedy),))
    return judged(check, wanted, ())
