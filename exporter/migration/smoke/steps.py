"""The steps of a smoke test, in order. Each returns its result as text or raises the error that it met.

Source: migrations reference, "Testing Migrations", steps 3 to 5, and "Function Signature".
"""

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from exporter.core.errors import PermissionDenied, RowsHidden, SampleError
from exporter.database.visibility import Table, TableVisibility, check_access, question
from exporter.migration import expected
from exporter.migration.report import CheckWarning
from exporter.migration.smoke.context import JOBS, NOT_TESTED, QUEUE, STATE, SmokeContext, StepFailed
from exporter.migration.smoke.effects import FunctionSource, Trigger, effects
from exporter.migration.smoke.rows import CourseColumn, MissingValue, plan
from exporter.migration.sql_text import identifier

# The application team's target (deployed application), seconds.
RPC_TARGET = 0.050
TIMED_CALLS = 11

_READS = (
    Table("job_outbox", ("entity_id", "queue_name")),
    Table("idempotency_keys", ("entity_id", "key")),
    Table("fsm_events", ("entity_id", "created_by")),
)


@dataclass(frozen=True, slots=True)
class SmokeStep:
    """`needed`: later steps are not reached unless it is ok. `keep`: its rows stay until the final rollback."""

    name: str
    expected: str
    run: Callable[[SmokeContext], str]
    needed: bool = False
    keep: bool = False


def _visibility(context: SmokeContext) -> str:
    """Hidden rows would make every later step fail."""
    transaction = context.transaction
    seen = transaction.fetch("visibility", TableVisibility, **question(transaction.schema, _READS))
    check_access(transaction.role, seen)
    return f"as {transaction.role}"


def _side_effects(context: SmokeContext) -> str:
    transaction = context.transaction

    def columns(schema: str, table: str) -> list[CourseColumn]:
        return transaction.fetch("migration/smoke_columns", CourseColumn, schema=schema, table=table)

    def functions(names: object) -> list[FunctionSource]:
        return transaction.fetch("migration/smoke_functions", FunctionSource, names=names)

    context.rows = plan(columns, transaction.schema, context.given)
    written = [(row.schema, row.table) for row in context.rows]
    written += [(transaction.schema, table) for table in expected.TABLE_NAMES]
    schemas, tables = map(list, zip(*written, strict=True))
    triggers = transaction.fetch("migration/smoke_triggers", Trigger, schemas=schemas, tables=tables)
    roots = [(each.trigger, FunctionSource(each.function, each.language, each.body)) for each in triggers]
    roots += [(each.function, each) for each in functions([expected.RPC.name])]
    found = effects(roots, functions)
    names = {each.source: each.source.split(" on ", maxsplit=1)[0].removeprefix("event trigger ") for each in found}
    refused = [each for each in found if each.outside and names[each.source] not in context.accepted]
    outside = [f"{each.source}: {each.kind}" for each in refused]
    if outside:
        raise PermissionDenied(
            f"a rollback would not undo the effects of: {'; '.join(outside)}. --accept NAME allows one"
        )
    undone = [f"{each.source}: {each.kind}" for each in found if not each.outside]
    return f"undone by the rollback: {'; '.join(undone)}" if undone else f"none, {len(triggers)} triggers"


def _course(context: SmokeContext) -> str:
    context.reset_role()
    for row in context.rows:
        try:
            with context.transaction.savepoint():
                context.transaction.insert(row.schema, row.table, row.values)
        except NOT_TESTED:
            raise
        except SampleError as error:
            raise MissingValue(f"{row.schema}.{row.table} refused the test row: {error}") from error
    return f"course {context.course['id']}, {len(context.rows)} test rows"


def _call(context: SmokeContext) -> str:
    call = context.first_call = context.call()
    wanted = {"entity_id": str(context.course["id"]), "state": STATE, "version": 1}
    result = call.result if isinstance(call.result, dict) else {}
    state, entries = result.get("fsmState") or {}, result.get("outboxEntries") or ()
    if {name: state.get(name) for name in wanted} != wanted:
        raise StepFailed(f"fsmState is {state}, not {wanted}")
    if len(entries) != len(JOBS):
        raise StepFailed(f"outboxEntries has {len(entries)} entries, not {len(JOBS)}")
    return f"answered in {call.seconds * 1000:.1f} ms"


def _rows(context: SmokeContext) -> str:
    rows = context.course_rows()
    if rows.counts != (1, 1, 1) or rows.queues != [QUEUE] or rows.sources != ["API"] or not rows.key_there:
        raise StepFailed(
            f"{rows.jobs} jobs {rows.queues}, {rows.events} events {rows.sources}, {rows.keys} keys"
            f"{'' if rows.key_there else ' (not the key of the call)'}"
        )
    return "1 job, 1 event from API, 1 key"


def _same_key(context: SmokeContext) -> str:
    """Repeats the call with other jobs, as the guide does: only the key decides."""
    again = context.call(jobs=[])
    if context.first_call is None or again.result != context.first_call.result:
        raise StepFailed("the same key gave another result")
    if (rows := context.course_rows()).counts != (1, 1, 1):
        raise StepFailed(f"the same key wrote new rows: {rows}")
    return f"the same result in {again.seconds * 1000:.1f} ms, no new row"


def _invalid(context: SmokeContext) -> str:
    cases: Mapping[str, Mapping[str, object]] = {
        "no course": {"entity": None},
        "a course that does not exist": {"entity": uuid.uuid4()},
        "a state of NULL": {"state": None},
        "jobs that are no list": {"jobs": {}},
        "a job without a queue": {"jobs": [{"data": {}}]},
    }
    key = f"{context.key}-invalid"
    for case, other in cases.items():
        if context.succeeds(partial(context.call, key, **other)):
            raise StepFailed(f"{case} was accepted")
    if context.course_rows().counts != (1, 1, 1) or context.course_rows(key).key_there:
        raise StepFailed("refused input left rows")
    return f"{len(cases)} kinds refused, no row"


def _search_path(context: SmokeContext) -> str:
    """Calls as one who has temporary tables of the same names, pg_temp first on the path, and called never before.

    Plans cached by earlier calls, of this session or of another client of a pooler, would keep the RPC from using them.
    """
    transaction = context.transaction
    schema = identifier(transaction.schema)
    transaction.execute("migration/smoke_hijack")
    transaction.execute("migration/smoke_discard_plans")
    context.assume_role("none", path=f"pg_temp, {schema}")
    remedy = f"ALTER FUNCTION ... SET search_path = {schema}, pg_temp"
    try:
        with transaction.savepoint():
            context.call(key=f"{context.key}-hijack")
    except NOT_TESTED:
        raise
    except SampleError as error:
        raise StepFailed(f"with temporary tables of the same names the RPC fails: {error}", remedy) from error
    stolen = transaction.fetch_number("migration/smoke_hijacked")
    if stolen or context.course_rows().counts != (2, 2, 2):
        raise StepFailed(f"{stolen} rows were written to temporary tables of the caller", remedy)
    return "rows were written to the application's tables"


def _documented_roles(context: SmokeContext) -> str:
    for role in expected.RPC.callers:
        with context.transaction.savepoint(keep=False):
            context.assume_role(role, context.course.get("user_id"))
            try:
                context.call()
            except PermissionDenied as error:
                raise StepFailed(f"{role}: {error}", f"GRANT EXECUTE ON FUNCTION ... TO {role}") from error
            except RowsHidden as error:
                raise StepFailed(f"{role}: {error}", "ALTER FUNCTION ... SECURITY DEFINER") from error
    return f"{', '.join(expected.RPC.callers)} may call"


def _outsiders(context: SmokeContext) -> str:
    """anon, and a signed-in user who does not own the course, read no row of it and write only through the RPC."""
    for role in ("anon", "authenticated"):
        context.assume_role(role, uuid.uuid4())
        for table in expected.TABLE_NAMES:
            if _count(context, "smoke_visible_rows", table):
                raise StepFailed(f"{role} reads {table}")
        if _count(context, "smoke_write_job", "job_outbox"):
            raise StepFailed(f"{role} writes job_outbox")
        context.reset_role()
    context.assume_role("anon")
    if context.succeeds(lambda: context.call(key=f"{context.key}-anon")):
        name = identifier(context.transaction.schema, expected.RPC.name)
        revoke = f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC, anon;"
        context.warnings.append(CheckWarning(expected.RPC.name, "anon may call it", revoke))
    return "anon and other users read and write nothing"


def _count(context: SmokeContext, name: str, table: str) -> int:
    """A refusal counts as 0 rows."""
    count = 0
    with suppress(PermissionDenied, RowsHidden), context.transaction.savepoint(keep=False):
        count = context.transaction.fetch_number(f"migration/{name}", table, entity=context.course["id"])
    return count


def _timing(context: SmokeContext) -> str:
    """Missing the target is a warning."""
    calls = sorted(context.call(key=f"{context.key}-{number}").seconds for number in range(TIMED_CALLS))
    median, slowest = calls[len(calls) // 2], calls[-1]
    if median > RPC_TARGET:
        text = f"the RPC takes {median * 1000:.0f} ms inside the server, its target is {RPC_TARGET * 1000:.0f} ms"
        context.warnings.append(CheckWarning(expected.RPC.name, text, "check its triggers, indexes and locks"))
    return f"median {median * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms of {TIMED_CALLS} calls"


def _cascade(context: SmokeContext) -> str:
    if context.transaction.fetch_number("migration/smoke_delete", entity=context.course["id"]) != 1:
        raise StepFailed("the course was not deleted")
    rows = context.course_rows()
    if rows.counts != (0, 0, 0) or rows.key_there:
        raise StepFailed(f"{rows.jobs} jobs, {rows.events} events, {rows.keys} keys remain")
    return "no row of it is left in the three tables"


STEPS = (
    SmokeStep("visibility", "the role sees every row of the three tables", _visibility, needed=True, keep=True),
    SmokeStep("side_effects", "no effect outside the transaction", _side_effects, needed=True, keep=True),
    SmokeStep("course", "a test course, and test rows that it refers to", _course, needed=True, keep=True),
    SmokeStep("call", "fsmState of the course and one outbox entry", _call, needed=True, keep=True),
    SmokeStep("rows", f"one job in {QUEUE}, one event, one key", _rows),
    SmokeStep("same_key", "the same key gives the same result and no new row", _same_key),
    SmokeStep("invalid_input", "refused, and no row is left of it", _invalid),
    SmokeStep("search_path", "temporary tables of the caller are not used", _search_path),
    SmokeStep("documented_roles", f"{', '.join(expected.RPC.callers)} may call the RPC", _documented_roles),
    SmokeStep("outsiders", "anon and other users read and write nothing", _outsiders),
    SmokeStep("timing", f"the RPC answers within {RPC_TARGET * 1000:.0f} ms", _timing),
    SmokeStep("cascade", "deleting the course deletes all its rows", _cascade),
)
