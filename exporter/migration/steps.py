"""The steps of a smoke test, in their order. Each answers with what it found, or raises what went wrong.

Source: migrations reference, "Testing Migrations", steps 3 to 5, and "Function Signature".
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from exporter.errors import Blind, PermissionDenied, SampleError
from exporter.migration import effects, expected, furnish
from exporter.migration.effects import Code, Trigger
from exporter.migration.findings import Caution
from exporter.migration.furnish import ColumnNeed, Lacks
from exporter.migration.quoting import identifier
from exporter.migration.rehearsal import new_id
from exporter.migration.trial import JOBS, NOT_TESTED, QUEUE, STATE, Failed, Trial
from exporter.visibility import Sight, Table, judge, question

# The team's own target (deployed application), seconds.
RPC_TARGET = 0.050
TIMED_CALLS = 11

_READS = (
    Table("job_outbox", ("entity_id", "queue_name")),
    Table("idempotency_keys", ("entity_id", "key")),
    Table("fsm_events", ("entity_id", "created_by")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it expects, what it does, whether the next ones build on it."""

    name: str
    expected: str
    run: Callable[[Trial], str]
    needed: bool = False
    keep: bool = False


def _sees(trial: Trial) -> str:
    """Counting what is hidden would call everything broken."""
    schema = trial.rehearsal.schema
    judge(trial.rehearsal.role, trial.rehearsal.fetch("visibility", Sight, **question(schema, _READS)))
    return f"as {trial.rehearsal.role}"


def _side_effects(trial: Trial) -> str:
    rehearsal = trial.rehearsal

    def columns(schema: str, table: str) -> list[ColumnNeed]:
        return rehearsal.fetch("migration/smoke_columns", ColumnNeed, schema=schema, table=table)

    def functions(names: object) -> list[Code]:
        return rehearsal.fetch("migration/smoke_functions", Code, names=names)

    trial.rows = furnish.plan(columns, rehearsal.schema, trial.given)
    touched = [(row.schema, row.table) for row in trial.rows]
    touched += [(rehearsal.schema, table) for table in expected.TABLE_NAMES]
    triggers = rehearsal.fetch(
        "migration/smoke_triggers",
        Trigger,
        schemas=[schema for schema, _ in touched],
        tables=[table for _, table in touched],
    )
    roots = [(each.trigger, Code(each.function, each.language, each.body)) for each in triggers]
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


def _accepted(trial: Trial, what: str) -> bool:
    return what.split(" on ", maxsplit=1)[0].removeprefix("event trigger ") in trial.accepted


def _course(trial: Trial) -> str:
    trial.become_oneself()
    for row in trial.rows:
        try:
            with trial.rehearsal.attempt():
                trial.rehearsal.insert(row.schema, row.table, row.values)
        except NOT_TESTED:
            raise
        except SampleError as error:
            raise Lacks(f"{row.schema}.{row.table} refused our row: {error}") from error
    return f"course {trial.entity}, {len(trial.rows)} rows of our own"


def _call(trial: Trial) -> str:
    call = trial.call()
    trial.first = call
    wanted = {"entity_id": str(trial.entity), "state": STATE, "version": 1}
    answer = call.result if isinstance(call.result, dict) else {}
    said = answer.get("fsmState") or {}
    if {name: said.get(name) for name in wanted} != wanted:
        raise Failed(f"fsmState is {said}, not {wanted}")
    if len(answer.get("outboxEntries") or ()) != len(JOBS):
        raise Failed(f"outboxEntries has {len(answer.get('outboxEntries') or ())} entries, not {len(JOBS)}")
    return f"answered in {call.seconds * 1000:.1f} ms"


def _rows(trial: Trial) -> str:
    rows = trial.look()
    if rows.counts != (1, 1, 1) or rows.queues != [QUEUE] or rows.sources != ["API"] or not rows.key_there:
        raise Failed(
            f"{rows.jobs} jobs {rows.queues}, {rows.events} events {rows.sources}, {rows.keys} keys"
            f"{'' if rows.key_there else ' (not ours)'}"
        )
    return "1 job, 1 event from API, 1 key"


def _same_key(trial: Trial) -> str:
    """As the guide does it, with other jobs: the key alone decides."""
    again = trial.call(jobs=[])
    if trial.first is None or again.result != trial.first.result:
        raise Failed("the same key gave another result")
    if trial.look().counts != (1, 1, 1):
        raise Failed(f"the same key wrote new rows: {trial.look()}")
    return f"the same result in {again.seconds * 1000:.1f} ms, no new row"


def _invalid(trial: Trial) -> str:
    cases: Mapping[str, Mapping[str, object]] = {
        "no course": {"entity": None},
        "a course that does not exist": {"entity": new_id()},
        "a state of NULL": {"state": None},
        "jobs that are no list": {"jobs": {}},
        "a job without a queue": {"jobs": [{"data": {}}]},
    }
    for what, other in cases.items():
        if trial.is_done(partial(trial.call, f"{trial.key}-invalid", **other)):
            raise Failed(f"{what} was accepted")
    if trial.look().counts != (1, 1, 1) or trial.look(f"{trial.key}-invalid").key_there:
        raise Failed("refused input left rows")
    return f"{len(cases)} kinds refused, no row"


def _hijack(trial: Trial) -> str:
    """A caller with temporary tables of the same names, and pg_temp first on the path, who calls for the first time.

    Plans that earlier calls left in this session, or another client of a pooler did, would hide the tables.
    """
    trial.rehearsal.execute("migration/smoke_hijack")
    trial.rehearsal.execute("migration/smoke_replan")
    path = f"pg_temp, {identifier(trial.rehearsal.schema)}"
    trial.become("none", path=path)
    remedy = f"ALTER FUNCTION ... SET search_path = {identifier(trial.rehearsal.schema)}, pg_temp"
    try:
        with trial.rehearsal.attempt():
            trial.call(key=f"{trial.key}-hijack")
    except NOT_TESTED:
        raise
    except SampleError as error:
        raise Failed(f"with tables of the caller's in the way the RPC fails: {error}", remedy) from error
    stolen = trial.rehearsal.seen("migration/smoke_hijacked")
    if stolen or trial.look().counts != (2, 2, 2):
        raise Failed(f"{stolen} rows went into the caller's own tables", remedy)
    return "rows went where they belong"


def _documented_roles(trial: Trial) -> str:
    for role in expected.RPC.callers:
        with trial.rehearsal.attempt(keep=False):
            trial.become(role, trial.course.get("user_id"))
            try:
                trial.call()
            except PermissionDenied as error:
                raise Failed(f"{role}: {error}", f"GRANT EXECUTE ON FUNCTION ... TO {role}") from error
            except Blind as error:
                raise Failed(f"{role}: {error}", "ALTER FUNCTION ... SECURITY DEFINER") from error
    return f"{', '.join(expected.RPC.callers)} may call"


def _outsiders(trial: Trial) -> str:
    """anon, and a signed-in stranger, see no row of ours and write none past the RPC."""
    for role in ("anon", "authenticated"):
        trial.become(role, new_id())
        for table in expected.TABLE_NAMES:
            if _count(trial, "smoke_seen", table):
                raise Failed(f"{role} reads {table}")
        if _count(trial, "smoke_intrude", "job_outbox"):
            raise Failed(f"{role} writes job_outbox")
        trial.become_oneself()
    trial.become("anon")
    if trial.is_done(lambda: trial.call(key=f"{trial.key}-anon")):
        home = identifier(trial.rehearsal.schema)
        revoke = f"REVOKE EXECUTE ON FUNCTION {home}.{expected.RPC.name} FROM PUBLIC, anon;"
        trial.cautions.append(Caution(expected.RPC.name, "anon may call it", revoke))
    return "anon and strangers read and write nothing"


def _count(trial: Trial, name: str, table: str) -> int:
    """Being refused is as good as seeing nothing."""
    rehearsal, seen = trial.rehearsal, 0
    with suppress(PermissionDenied, Blind), rehearsal.attempt(keep=False):
        seen = rehearsal.seen(f"migration/{name}", (rehearsal.schema, table), entity=trial.entity)
    return seen


def _timing(trial: Trial) -> str:
    """The target is a wish, not a promise: missing it is a warning."""
    calls = sorted(trial.call(key=f"{trial.key}-{number}").seconds for number in range(TIMED_CALLS))
    median, slowest = calls[len(calls) // 2], calls[-1]
    if median > RPC_TARGET:
        text = f"the RPC takes {median * 1000:.0f} ms inside the server, its target is {RPC_TARGET * 1000:.0f} ms"
        trial.cautions.append(Caution(expected.RPC.name, text, "look at its triggers, indexes and locks"))
    return f"median {median * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms of {TIMED_CALLS} calls"


def _cascade(trial: Trial) -> str:
    if trial.rehearsal.seen("migration/smoke_delete", entity=trial.entity) != 1:
        raise Failed("the course was not deleted")
    rows = trial.look()
    if rows.counts != (0, 0, 0) or rows.key_there:
        raise Failed(f"{rows.jobs} jobs, {rows.events} events, {rows.keys} keys stayed")
    return "all three tables are empty of it"


STEPS = (
    Step("visibility", "the role sees every row of the three tables", _sees, needed=True, keep=True),
    Step("side_effects", "no trigger reaches beyond the transaction", _side_effects, needed=True, keep=True),
    Step("course", "a test course, with rows of our own to refer to", _course, needed=True, keep=True),
    Step("call", "fsmState of the course and one outbox entry", _call, needed=True, keep=True),
    Step("rows", f"one job in {QUEUE}, one event, one key", _rows),
    Step("same_key", "the same key gives the same result and no new row", _same_key),
    Step("invalid_input", "refused, and nothing is left of it", _invalid),
    Step("search_path", "tables of the caller's own are not used", _hijack),
    Step("documented_roles", f"{', '.join(expected.RPC.callers)} may call the RPC", _documented_roles),
    Step("outsiders", "anon and strangers read and write nothing", _outsiders),
    Step("timing", f"the RPC answers within {RPC_TARGET * 1000:.0f} ms", _timing),
    Step("cascade", "with the course all its rows go", _cascade),
)
