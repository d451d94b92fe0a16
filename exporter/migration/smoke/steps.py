"""The steps of a smoke test, in their order. Each answers with what it found, or raises what went wrong.

Source: migrations reference, "Testing Migrations", steps 3 to 5, and "Function Signature".
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from exporter.core.errors import PermissionDenied, RowsHidden, SampleError
from exporter.database.visibility import Table, TableVisibility, check_access, question
from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.report import CheckWarning
from exporter.migration.smoke import effects
from exporter.migration.smoke import rows as furnish
from exporter.migration.smoke.context import JOBS, NOT_TESTED, QUEUE, STATE, SmokeContext, StepFailed
from exporter.migration.smoke.effects import FunctionSource, Trigger
from exporter.migration.smoke.rows import ColumnOfTestRow, MissingValue
from exporter.migration.smoke.transaction import new_id

# The team's own target (deployed application), seconds.
RPC_TARGET = 0.050
TIMED_CALLS = 11

_READS = (
    Table("job_outbox", ("entity_id", "queue_name")),
    Table("idempotency_keys", ("entity_id", "key")),
    Table("fsm_events", ("entity_id", "created_by")),
)


@dataclass(frozen=True, slots=True)
class SmokeStep:
    """One step: what it expects, what it does, whether the next ones build on it."""

    name: str
    expected: str
    run: Callable[[SmokeContext], str]
    needed: bool = False
    keep: bool = False


def _visibility(trial: SmokeContext) -> str:
    """Counting what is hidden would call everything broken."""
    schema = trial.rehearsal.schema
    check_access(trial.rehearsal.role, trial.rehearsal.fetch("visibility", TableVisibility, **question(schema, _READS)))
    return f"as {trial.rehearsal.role}"


def _side_effects(trial: SmokeContext) -> str:
    rehearsal = trial.rehearsal

    def columns(schema: str, table: str) -> list[ColumnOfTestRow]:
        return rehearsal.fetch("migration/smoke_columns", ColumnOfTestRow, schema=schema, table=table)

    def functions(names: object) -> list[FunctionSource]:
        return rehearsal.fetch("migration/smoke_functions", FunctionSource, names=names)

    trial.rows = furnish.plan(columns, rehearsal.schema, trial.given)
    touched = [(row.schema, row.table) for row in trial.rows]
    touched += [(rehearsal.schema, table) for table in expected.TABLE_NAMES]
    triggers = rehearsal.fetch(
        "migration/smoke_triggers",
        Trigger,
        schemas=[schema for schema, _ in touched],
        tables=[table for _, table in touched],
    )
    roots = [(each.trigger, FunctionSource(each.function, each.language, each.body)) for each in triggers]
    roots += [(each.function, each) for each in functions([expected.RPC.name])]
    found = effects.effects(roots, functions)
    outside = [
        f"{effect.what}: {effect.how}" for effect in found if effect.outside and not _accepted(trial, effect.what)
    ]
    if outside:
        raise PermissionDenied(
            f"a rollback would not undo what these do: {'; '.join(outside)}. --accept NAME allows one"
        )
    held = [f"{effect.what}: {effect.how}" for effect in found if not effect.outside]
    return f"undone by the rollback: {'; '.join(held)}" if held else f"none, {len(triggers)} triggers"


def _accepted(trial: SmokeContext, what: str) -> bool:
    return what.split(" on ", maxsplit=1)[0].removeprefix("event trigger ") in trial.accepted


def _course(trial: SmokeContext) -> str:
    trial.reset_role()
    for row in trial.rows:
        try:
            with trial.rehearsal.savepoint():
                trial.rehearsal.insert(row.schema, row.table, row.values)
        except NOT_TESTED:
            raise
        except SampleError as error:
            raise MissingValue(f"{row.schema}.{row.table} refused our row: {error}") from error
    return f"course {trial.entity}, {len(trial.rows)} rows of our own"


def _call(trial: SmokeContext) -> str:
    call = trial.call()
    trial.first = call
    wanted = {"entity_id": str(trial.entity), "state": STATE, "version": 1}
    answer = call.result if isinstance(call.result, dict) else {}
    said = answer.get("fsmState") or {}
    if {name: said.get(name) for name in wanted} != wanted:
        raise StepFailed(f"fsmState is {said}, not {wanted}")
    if len(answer.get("outboxEntries") or ()) != len(JOBS):
        raise StepFailed(f"outboxEntries has {len(answer.get('outboxEntries') or ())} entries, not {len(JOBS)}")
    return f"answered in {call.seconds * 1000:.1f} ms"


def _rows(trial: SmokeContext) -> str:
    rows = trial.course_rows()
    if rows.counts != (1, 1, 1) or rows.queues != [QUEUE] or rows.sources != ["API"] or not rows.key_there:
        raise StepFailed(
            f"{rows.jobs} jobs {rows.queues}, {rows.events} events {rows.sources}, {rows.keys} keys"
            f"{'' if rows.key_there else ' (not ours)'}"
        )
    return "1 job, 1 event from API, 1 key"


def _same_key(trial: SmokeContext) -> str:
    """As the guide does it, with other jobs: the key alone decides."""
    again = trial.call(jobs=[])
    if trial.first is None or again.result != trial.first.result:
        raise StepFailed("the same key gave another result")
    if trial.course_rows().counts != (1, 1, 1):
        raise StepFailed(f"the same key wrote new rows: {trial.course_rows()}")
    return f"the same result in {again.seconds * 1000:.1f} ms, no new row"


def _invalid(trial: SmokeContext) -> str:
    cases: Mapping[str, Mapping[str, object]] = {
        "no course": {"entity": None},
        "a course that does not exist": {"entity": new_id()},
        "a state of NULL": {"state": None},
        "jobs that are no list": {"jobs": {}},
        "a job without a queue": {"jobs": [{"data": {}}]},
    }
    for what, other in cases.items():
        if trial.succeeds(partial(trial.call, f"{trial.key}-invalid", **other)):
            raise StepFailed(f"{what} was accepted")
    if trial.course_rows().counts != (1, 1, 1) or trial.course_rows(f"{trial.key}-invalid").key_there:
        raise StepFailed("refused input left rows")
    return f"{len(cases)} kinds refused, no row"


def _hijack(trial: SmokeContext) -> str:
    """A caller with temporary tables of the same names, and pg_temp first on the path, who calls for the first time.

    Plans that earlier calls left in this session, or another client of a pooler did, would hide the tables.
    """
    trial.rehearsal.execute("migration/smoke_hijack")
    trial.rehearsal.execute("migration/smoke_replan")
    path = f"pg_temp, {identifier(trial.rehearsal.schema)}"
    trial.assume_role("none", path=path)
    remedy = f"ALTER FUNCTION ... SET search_path = {identifier(trial.rehearsal.schema)}, pg_temp"
    try:
        with trial.rehearsal.savepoint():
            trial.call(key=f"{trial.key}-hijack")
    except NOT_TESTED:
        raise
    except SampleError as error:
        raise StepFailed(f"with tables of the caller's in the way the RPC fails: {error}", remedy) from error
    stolen = trial.rehearsal.seen("migration/smoke_hijacked")
    if stolen or trial.course_rows().counts != (2, 2, 2):
        raise StepFailed(f"{stolen} rows went into the caller's own tables", remedy)
    return "rows went where they belong"


def _documented_roles(trial: SmokeContext) -> str:
    for role in expected.RPC.callers:
        with trial.rehearsal.savepoint(keep=False):
            trial.assume_role(role, trial.course.get("user_id"))
            try:
                trial.call()
            except PermissionDenied as error:
                raise StepFailed(f"{role}: {error}", f"GRANT EXECUTE ON FUNCTION ... TO {role}") from error
            except RowsHidden as error:
                raise StepFailed(f"{role}: {error}", "ALTER FUNCTION ... SECURITY DEFINER") from error
    return f"{', '.join(expected.RPC.callers)} may call"


def _outsiders(trial: SmokeContext) -> str:
    """anon, and a signed-in stranger, see no row of ours and write none past the RPC."""
    for role in ("anon", "authenticated"):
        trial.assume_role(role, new_id())
        for table in expected.TABLE_NAMES:
            if _count(trial, "smoke_seen", table):
                raise StepFailed(f"{role} reads {table}")
        if _count(trial, "smoke_intrude", "job_outbox"):
            raise StepFailed(f"{role} writes job_outbox")
        trial.reset_role()
    trial.assume_role("anon")
    if trial.succeeds(lambda: trial.call(key=f"{trial.key}-anon")):
        home = identifier(trial.rehearsal.schema)
        revoke = f"REVOKE EXECUTE ON FUNCTION {home}.{expected.RPC.name} FROM PUBLIC, anon;"
        trial.warnings.append(CheckWarning(expected.RPC.name, "anon may call it", revoke))
    return "anon and strangers read and write nothing"


def _count(trial: SmokeContext, name: str, table: str) -> int:
    """Being refused is as good as seeing nothing."""
    rehearsal, seen = trial.rehearsal, 0
    with suppress(PermissionDenied, RowsHidden), rehearsal.savepoint(keep=False):
        seen = rehearsal.seen(f"migration/{name}", (rehearsal.schema, table), entity=trial.entity)
    return seen


def _timing(trial: SmokeContext) -> str:
    """The target is a wish, not a promise: missing it is a warning."""
    calls = sorted(trial.call(key=f"{trial.key}-{number}").seconds for number in range(TIMED_CALLS))
    median, slowest = calls[len(calls) // 2], calls[-1]
    if median > RPC_TARGET:
        text = f"the RPC takes {median * 1000:.0f} ms inside the server, its target is {RPC_TARGET * 1000:.0f} ms"
        trial.warnings.append(CheckWarning(expected.RPC.name, text, "look at its triggers, indexes and locks"))
    return f"median {median * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms of {TIMED_CALLS} calls"


def _cascade(trial: SmokeContext) -> str:
    if trial.rehearsal.seen("migration/smoke_delete", entity=trial.entity) != 1:
        raise StepFailed("the course was not deleted")
    rows = trial.course_rows()
    if rows.counts != (0, 0, 0) or rows.key_there:
        raise StepFailed(f"{rows.jobs} jobs, {rows.events} events, {rows.keys} keys stayed")
    return "all three tables are empty of it"


STEPS = (
    SmokeStep("visibility", "the role sees every row of the three tables", _visibility, needed=True, keep=True),
    SmokeStep("side_effects", "no trigger reaches beyond the transaction", _side_effects, needed=True, keep=True),
    SmokeStep("course", "a test course, with rows of our own to refer to", _course, needed=True, keep=True),
    SmokeStep("call", "fsmState of the course and one outbox entry", _call, needed=True, keep=True),
    SmokeStep("rows", f"one job in {QUEUE}, one event, one key", _rows),
    SmokeStep("same_key", "the same key gives the same result and no new row", _same_key),
    SmokeStep("invalid_input", "refused, and nothing is left of it", _invalid),
    SmokeStep("search_path", "tables of the caller's own are not used", _hijack),
    SmokeStep("documented_roles", f"{', '.join(expected.RPC.callers)} may call the RPC", _documented_roles),
    SmokeStep("outsiders", "anon and strangers read and write nothing", _outsiders),
    SmokeStep("timing", f"the RPC answers within {RPC_TARGET * 1000:.0f} ms", _timing),
    SmokeStep("cascade", "with the course all its rows go", _cascade),
)
