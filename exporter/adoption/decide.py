"""The mapping of a shape: what its columns, values and rows prove, what they suggest, and what they leave open."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from exporter.adoption import words
from exporter.adoption.catalogue import INTEGERS, TIMES, Column
from exporter.adoption.evidence import Evidence
from exporter.adoption.proposal import Proposal
from exporter.adoption.shape import Shape
from exporter.database.relations import AGELESS
from exporter.database.statuses import ROW_LIMIT
from exporter.outbox.mapping import OutboxMapping

_TITLE = "recognised by the names and types of its columns"
_UNSET = "{} is empty unless a worker has the job; a lock that nobody removes counts as running"
_HAPPENED = {"processed": "processed", "failed": "given up", "running": "running", "deleted": "removed"}
_STATUS_MEANINGS = ("pending", "retrying", "running", "processed", "failed", "cancelled")


@dataclass(slots=True)
class _Findings:
    """What is gathered while a mapping is made."""

    assumed: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    proved: list[str] = field(default_factory=list)


def question(shape: Shape) -> OutboxMapping:
    """The mapping by which the rows of a table are asked about its status."""
    status = shape.status or shape.flag
    deleted = shape.times.get("deleted")
    return OutboxMapping(
        shape.relation.name,
        schema=shape.relation.schema,
        id=shape.relation.key,
        status=status.name if status else "",
        deleted=deleted.name if deleted else "",
    )


def numbers(shape: Shape) -> tuple[str, ...]:
    """The columns of times that are numbers, whose unit the rows may tell."""
    return tuple(
        column.name for meaning, column in shape.times.items() if meaning != "deleted" and column.type not in TIMES
    )


def candidate(shape: Shape) -> Proposal:
    """A table among others, of which nothing was asked yet."""
    return Proposal(shape.relation, _TITLE, None, undecided=(shape.refusal,) if shape.refusal else ())


def propose(shape: Shape, evidence: Evidence, timestamp_zone: str = "", *, is_chosen: bool = False) -> Proposal:
    """The proposal for a table.

    `timestamp_zone` is the configured one; `is_chosen`: somebody said that the table is an outbox.
    """
    relation = shape.relation
    if shape.refusal:
        return candidate(shape)
    found = _Findings(undecided=list(shape.unclear))
    if not is_chosen and words.certainty(relation.name) < words.CERTAIN:
        found.assumed.append("it is an outbox: its columns look like it, its name does not say so")
    mapping = OutboxMapping(relation.name, schema=relation.schema, id=relation.key)
    mapping = _by_time(mapping, shape, found)
    mapping = _by_status(mapping, shape, evidence, found)
    mapping = _by_attempts(mapping, shape, evidence, found)
    mapping = replace(mapping, queue=shape.queue.name if shape.queue else "")
    due = shape.times.get("due")
    if due and not due.not_null and not mapping.has_created:
        found.assumed.append(AGELESS.format(due.name))
    untold = ", ".join(shape.untold)
    if not shape.is_marked:
        mapping = replace(mapping, is_removed_when_processed=True)
        found.assumed.append("no column says which jobs are processed: their rows are deleted")
    if untold and shape.is_marked:
        found.assumed.append(f"{untold}: taken to say nothing about a job that the mapping does not say")
    elif untold:
        found.undecided.append(f"which jobs are processed: does {untold} say so, or are their rows deleted?")
    mapping = _with_unit(mapping, shape, evidence, found)
    found.undecided += _always_set(mapping, shape, evidence)
    zone = _zone(mapping, shape, evidence, timestamp_zone, found)
    return Proposal(
        relation,
        _TITLE,
        mapping,
        timestamp_zone=zone,
        proved=tuple(found.proved),
        assumed=tuple(found.assumed),
        undecided=tuple(found.undecided),
    )


def _by_time(mapping: OutboxMapping, shape: Shape, found: _Findings) -> OutboxMapping:
    names = {meaning: column.name for meaning, column in shape.times.items()}
    if shape.status:
        # The status says which jobs are given up or run.
        names.pop("failed", None)
        names.pop("running", None)
    if running := names.get("running"):
        found.assumed.append(_UNSET.format(running))
    names_of_errors = words.vocabulary()["errors"]
    ended = names.get("processed", "")
    errors = [column.name for column in shape.relation.columns if "_".join(words.words(column.name)) in names_of_errors]
    if ended and not shape.status and "failed" not in names and errors:
        found.assumed.append(f"{ended} is empty for a job that failed for good; otherwise map its {errors[0]} as error")
    return replace(mapping, **names)  # type: ignore[arg-type] # fields of times are texts


def _by_status(mapping: OutboxMapping, shape: Shape, evidence: Evidence, found: _Findings) -> OutboxMapping:
    if shape.flag:
        if not shape.flag.not_null:
            found.undecided.append(
                f"{shape.flag.name} may be NULL, and such a job would count nowhere: add a NOT NULL constraint"
            )
        return replace(mapping, status=shape.flag.name, status_pending=("false",), status_processed=("true",))
    if not shape.status:
        return mapping
    status = shape.status
    values = _values(status, evidence, found)
    meanings = {value: words.value_meaning(value) for value in values}
    unknown = [value for value, meaning in meanings.items() if meaning is None]
    by_meaning = {
        meaning: tuple(value for value, known in meanings.items() if known == meaning) for meaning in _STATUS_MEANINGS
    }
    found.undecided += _open_meanings(status, unknown, by_meaning, values)
    found.assumed += _assumed_meanings(shape, by_meaning)
    return replace(
        mapping,
        status=status.name,
        status_pending=by_meaning["pending"],
        status_retrying=by_meaning["retrying"],
        status_running=by_meaning["running"],
        status_processed=by_meaning["processed"],
        status_failed=by_meaning["failed"],
        status_cancelled=by_meaning["cancelled"],
    )


def _values(status: Column, evidence: Evidence, found: _Findings) -> tuple[str, ...]:
    """The values of the status: all by its type or a check, otherwise those of the rows."""
    rows = evidence.statuses or ()
    if nulls := sum(row.jobs for row in rows if row.status is None):
        found.undecided.append(f"{status.name} is NULL in {nulls} rows, which would count nowhere")
    seen = tuple(row.status for row in rows if row.status is not None)
    if complete := status.labels or evidence.admitted(status.name):
        # A check may be about lower(status).
        return tuple(dict.fromkeys((*complete, *seen)))
    if evidence.statuses is None:
        found.undecided.append(f"the values of {status.name} could not be read: {evidence.unreadable}")
        return ()
    if seen:
        found.assumed.append(
            f"{status.name} has no values but those of the first {ROW_LIMIT:,} rows; others would count nowhere, and "
            "check-config names them"
        )
    else:
        found.undecided.append(
            f"{status.name} has no values yet: the table has no rows, and no type or check lists them"
        )
    return seen


def _open_meanings(
    status: Column, unknown: list[str], by_meaning: dict[str, tuple[str, ...]], values: tuple[str, ...]
) -> Iterator[str]:
    if unknown:
        yield (
            f"the values of the status {status.name}, {', '.join(unknown)}, have no known meaning: which of them mean "
            "pending, retrying, running, processed and failed; one that is listed nowhere counts nowhere"
        )
    elif values:
        for meaning in ("pending", "processed"):
            if not by_meaning[meaning]:
                yield f"no value of the status {status.name} ({', '.join(values)}) means {meaning}"


def _assumed_meanings(shape: Shape, by_meaning: dict[str, tuple[str, ...]]) -> Iterator[str]:
    retried = words.vocabulary()["retried"]
    if again := [value for value in by_meaning["failed"] if value.lower() in retried and not by_meaning["retrying"]]:
        yield f"a job whose status is {' or '.join(again)} is not tried again; otherwise list it as status_retrying"
    later = [value for value in by_meaning["pending"] if value.lower() in {"scheduled", "delayed"}]
    if later and "due" not in shape.times:
        yield f"a job whose status is {' or '.join(later)} waits: no column says when it is due"
    if cancelled := by_meaning["cancelled"]:
        yield f"a job whose status is {' or '.join(cancelled)} counts nowhere"


def _by_attempts(mapping: OutboxMapping, shape: Shape, evidence: Evidence, found: _Findings) -> OutboxMapping:
    if not shape.attempts:
        return mapping
    if beginning := evidence.beginning(shape.attempts.name):
        found.undecided.append(
            f"{shape.attempts.name} begins with {beginning}: does it count down? A mapping takes a number of attempts, "
            "which begins with 0; otherwise leave it out"
        )
    mapping = replace(mapping, attempts=shape.attempts.name)
    if not shape.max_attempts:
        if not mapping.has_exhausted:
            found.assumed.append(
                f"nothing says after how many {shape.attempts.name} a job is given up: as many as "
                "sampling.exhausted_attempts, 5 by default"
            )
        return mapping
    counts, limits = words.words(shape.attempts.name), words.words(shape.max_attempts.name)
    if ("retries" in limits or "retry" in limits) and not {"retries", "retry"} & set(counts):
        found.undecided.append(
            f"{shape.attempts.name} and {shape.max_attempts.name}: a job that is retried n times has n + 1 attempts; "
            "is it given up when both are equal?"
        )
    elif "retries" in limits or "retry" in limits:
        found.assumed.append(f"a job whose {shape.attempts.name} is {shape.max_attempts.name} is not tried again")
    return replace(mapping, max_attempts=shape.max_attempts.name)


def _with_unit(mapping: OutboxMapping, shape: Shape, evidence: Evidence, found: _Findings) -> OutboxMapping:
    """Times as numbers have one unit, by their names and by their values."""
    columns = numbers(shape)
    if not columns:
        return mapping
    if len(columns) < len([column for column in shape.times.values() if column.name != mapping.deleted]):
        found.undecided.append("some times are numbers and others of a type for times: which of them to use")
        return mapping
    read = {column: evidence.numbers[column] for column in columns if column in evidence.numbers}
    filled = [column for column, values in read.items() if values.is_known]
    if odd := [column for column in filled if not read[column].unit]:
        found.undecided.append(
            f"{', '.join(odd)}: some numbers are no time of 2001 to 2286 in any unit; a mapping takes NULL for no time"
        )
        return mapping
    units = {read[column].unit for column in filled}
    named = {words.unit(column) for column in columns} - {None}
    listed = ", ".join(columns)
    if len(units | named) != 1:
        why = "their names and values disagree" if units | named else "neither a name nor a value tells"
        found.undecided.append(f"{listed} are numbers of an unknown unit, {why}: epoch")
        return mapping
    (unit,) = units | named
    if filled:
        found.proved.append(f"{', '.join(filled)} are {unit} since 1970, by their values")
    if empty := [column for column in columns if column not in filled]:
        why = "no value could be read" if evidence.unreadable else "there is no value yet"
        why = f"as {', '.join(filled)} are" if filled else f"by their names; {why}"
        found.assumed.append(f"{', '.join(empty)} are {unit} since 1970, {why}")
    return replace(mapping, epoch=unit)  # type: ignore[arg-type] # one of the three


def _always_set(mapping: OutboxMapping, shape: Shape, evidence: Evidence) -> Iterator[str]:
    """Columns that would say of every row, or of every new one, that something has happened."""
    for meaning, column in shape.times.items():
        is_flag = meaning == "deleted" and column.type in ("boolean", *INTEGERS)
        if is_flag or column.name not in mapping.markers:
            continue
        if column.not_null:
            yield f"{column.name} is never NULL, so that it does not tell which jobs are {_HAPPENED[meaning]}"
        elif default := evidence.default(column.name):
            yield f"{column.name} is {default} by default, and not NULL, as if every new job were {_HAPPENED[meaning]}"


def _zone(mapping: OutboxMapping, shape: Shape, evidence: Evidence, configured: str, found: _Findings) -> str:
    """The zone of times without zone."""
    used = {mapping.created, mapping.processed, mapping.failed, mapping.due, mapping.last_attempt}
    zoneless = [each for each in shape.times.values() if each.type == TIMES[1] and each.name in used]
    if not zoneless:
        return ""
    listed = ", ".join(column.name for column in zoneless)
    if configured:
        found.assumed.append(f"{listed} without time zone are of {configured}, as database.timestamp_zone says")
        return configured
    written = {evidence.written_zone(column.name) for column in zoneless}
    zones = {zone for zone, _ in written if zone}
    if len(zones) != 1:
        found.undecided.append(f"without time zone: {listed}; set database.timestamp_zone to that of their writers")
        return ""
    (zone,) = zones
    if not all(is_certain for _, is_certain in written):
        found.assumed.append(
            f"{listed} are of the time zone {zone}: defaults write the time of the session's zone, which is that of "
            "this database unless a session sets another; other writers do the same"
        )
    return zone
