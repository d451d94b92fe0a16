"""`smoke`: the guide's local test, steps 3 to 5 and more, in one transaction that is always rolled back.

Everything is tried on rows of our own making, so that nobody waits for us. Source: migrations reference, "Testing
Migrations" and "Function Signature"; the RPC's 50 ms are the team's own target (deployed application).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from exporter.errors import Blind, Locked, PermissionDenied, SampleError, TooSlow, Unreachable
from exporter.migration import effects, expected, furnish
from exporter.migration.effects import Code, Trigger
from exporter.migration.findings import Answer, Caution, Finding, Report, Trouble, judged, unknown
from exporter.migration.furnish import ColumnNeed, Lacks
from exporter.migration.rehearsal import Rehearsal, new_id
from exporter.visibility import Sight, Table, judge, question

RPC_TARGET = 0.050  # seconds
STATE = "stage_2_init"
QUEUE = "test-queue"
JOBS: list[dict[str, Any]] = [{"queue": QUEUE, "data": {}, "options": {}}]

# What says that the test could not be made, rather than that it failed.
_NOT_TESTED = (PermissionDenied, Blind, Locked, TooSlow, Unreachable)

_READS = (
    Table("job_outbox", ("entity_id", "queue_name")),
    Table("idempotency_keys", ("entity_id", "key")),
    Table("fsm_events", ("entity_id", "created_by")),
)


class Failed(Exception):
    """A step did not give what it should."""

    def __init__(self, found: str, remedy: str = "outbox-exporter verify names what is wrong") -> None:
        super().__init__(found)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Call:
    """The row of sql/migration/smoke_call.sql."""

    result: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class Rows:
    """The row of sql/migration/smoke_rows.sql."""

    jobs: int
    queues: list[str]
    events: int
    sources: list[str]
    keys: int
    key_there: bool

    @property
    def counts(self) -> tuple[int, int, int]:
        """Rows of job_outbox, fsm_events, idempotency_keys."""
        return self.jobs, self.events, self.keys


@dataclass(frozen=True, slots=True)
class Became:
    """The row of sql/migration/smoke_become.sql."""

    role: str


@dataclass(slots=True)
class Trial:
    """What the steps hand on: our course and what the RPC said about it."""

    rehearsal: Rehearsal
    given: Mapping[str, str]
    accepted: Collection[str]
    key: str = field(default_factory=lambda: f"outbox-smoke-{new_id()}")
    rows: tuple[furnish.Row, ...] = ()
    first: Call | None = None
    cautions: list[Caution] = field(default_factory=list)

    @property
    def course(self) -> Mapping[str, object]:
        """Our course."""
        return self.rows[-1].values

    @property
    def entity(self) -> object:
        """Its id."""
        return self.course["id"]

    def call(self, key: str | None = None, **other: object) -> Call:
        """One call of the RPC, as the guide makes it. Raises: SampleError."""
        parameters: dict[str, object] = {
            "entity": self.entity,
            "user": self.course.get("user_id", new_id()),
            "organization": self.course.get("organization_id", new_id()),
            "key": key or self.key,
            "state": STATE,
            "jobs": JOBS,
        }
        return self.rehearsal.fetch_one("migration/smoke_call", Call, **{**parameters, **other})

    def look(self, key: str | None = None) -> Rows:
        """What the tables hold about our course."""
        return self.rehearsal.fetch_one("migration/smoke_rows", Rows, entity=self.entity, key=key or self.key)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it expects, what it does, whether the next ones build on it."""

    name: str
    expected: str
    run: Callable[[Trial], str]
    needed: bool = False
    keep: bool = False


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
    except _NOT_TESTED as error:
        return unknown(
            step.name, step.expected, str(error), "smoke needs a role that may do this; see its documentation"
        )
    except SampleError as error:
        return judged(step.name, step.expected, (Trouble(str(error), "outbox-exporter verify names what is wrong"),))


def _not_reached(step: Step, blocked: str) -> Finding:
    return unknown(step.name, step.expected, f"not reached: {blocked} did not succeed", "")


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
    return what.split(" on ", maxsplit=1)[0] in trial.accepted


def _course(trial: Trial) -> str:
    _become_oneself(trial)
    for row in trial.rows:
        try:
            with trial.rehearsal.attempt():
                trial.rehearsal.insert(row.schema, row.table, row.values)
        except _NOT_TESTED:
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
        if _is_done(trial, lambda other=other: trial.call(key=f"{trial.key}-invalid", **other)):  # type: ignore[misc]  # bound now
            raise Failed(f"{what} was accepted")
    if trial.look().counts != (1, 1, 1) or trial.look(f"{trial.key}-invalid").key_there:
        raise Failed("refused input left rows")
    return f"{len(cases)} kinds refused, no row"


def _is_done(trial: Trial, act: Callable[[], object]) -> bool:
    """Whether it can be done; undone in any case. Being refused is the answer, being cut off is not."""
    try:
        with trial.rehearsal.attempt(keep=False):
            act()
    except (Unreachable, TooSlow, Locked):
        raise
    except SampleError:
        return False
    return True


def _hijack(trial: Trial) -> str:
    """A caller with temporary tables of the same names, and pg_temp first on the path."""
    trial.rehearsal.execute("migration/smoke_hijack")
    path = f'pg_temp, "{trial.rehearsal.schema}"'
    _become(trial, "none", path)
    remedy = f"ALTER FUNCTION ... SET search_path = {trial.rehearsal.schema}, pg_temp"
    try:
        with trial.rehearsal.attempt():
            trial.call(key=f"{trial.key}-hijack")
    except _NOT_TESTED:
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
            _become(trial, role, f'"{trial.rehearsal.schema}"', trial.course.get("user_id"))
            try:
                trial.call()
            except PermissionDenied as error:
                raise Failed(f"{role}: {error}", f"GRANT EXECUTE ON FUNCTION ... TO {role}") from error
    return f"{', '.join(expected.RPC.callers)} may call"


def _outsiders(trial: Trial) -> str:
    """anon, and a signed-in stranger, see no row of ours and write none past the RPC."""
    for role in ("anon", "authenticated"):
        _become(trial, role, f'"{trial.rehearsal.schema}"', new_id())
        for table in expected.TABLE_NAMES:
            if _count(trial, "smoke_seen", table):
                raise Failed(f"{role} reads {table}")
        if _count(trial, "smoke_intrude", "job_outbox"):
            raise Failed(f"{role} writes job_outbox")
        _become_oneself(trial)
    _become(trial, "anon", f'"{trial.rehearsal.schema}"')
    if _is_done(trial, lambda: trial.call(key=f"{trial.key}-anon")):
        revoke = f"REVOKE EXECUTE ON FUNCTION {trial.rehearsal.schema}.{expected.RPC.name} FROM PUBLIC, anon;"
        trial.cautions.append(Caution(expected.RPC.name, "anon may call it", revoke))
    return "anon and strangers read and write nothing"


def _count(trial: Trial, name: str, table: str) -> int:
    """Being refused is as good as seeing nothing."""
    rehearsal, seen = trial.rehearsal, 0
    with suppress(PermissionDenied, Blind), rehearsal.attempt(keep=False):
        seen = rehearsal.seen(f"migration/{name}", (rehearsal.schema, table), entity=trial.entity)
    return seen


def _become(trial: Trial, role: str, path: str, user: object = None) -> None:
    trial.rehearsal.fetch_one("migration/smoke_become", Became, role=role, user=user, search_path=path)


def _become_oneself(trial: Trial) -> None:
    """With the path that callers have: triggers and functions that pin none look there."""
    _become(trial, "none", f'"{trial.rehearsal.schema}"')


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


def _nothing_left(trial: Trial) -> Finding:
    """In a new transaction, after the rollback."""
    check, wanted = "rolled_back", "not one row is left"
    try:
        trial.rehearsal.roll_back()
        rows = trial.look() if trial.rows else None
    except _NOT_TESTED as error:
        return unknown(check, wanted, str(error), "without a connection the server rolls back by itself")
    except SampleError as error:
        return unknown(check, wanted, str(error), "")
    if rows and (rows.counts != (0, 0, 0) or rows.key_there):
        remedy = f"DELETE FROM {trial.rehearsal.schema}.courses WHERE id = '{trial.entity}';"  # noqa: S608 - for people
        return judged(check, wanted, (Trouble(f"the rollback did not hold: {rows}", remedy),))
    return judged(check, wanted, ())


TIMED_CALLS = 11

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
