"""A table that no profile knows: which of its columns have which meaning, by their names and types."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from exporter.adoption.catalogue import INTEGERS, NUMBERS, TEXTS, TIMES, Column, Relation
from exporter.adoption.words import CERTAIN, certainty, core, rank, vocabulary, words

# Of columns that were found, and of a table's name.
_UNMARKED = (
    "no column says which rows are processed: neither a time, a status nor a flag, and none is a worker's (attempts, a "
    "lock). An outbox that is read from the write-ahead log has none, and its rows do not tell what was read"
)
_VIEW = "it is a view, whose rows cannot be proved complete; map a table below it: {}"
_LAST_WORDS = (("status",), ("state",))
_FOREIGN = "it is a table of another server, whose rows cannot be proved complete"


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a table by meaning. `times` has those of `words.yaml`; `unclear` is what a person has to decide.

    `flag` is a boolean that is true for processed jobs. `texts` are columns of times whose type is text. `untold` are
    the names of columns without a meaning that is known, by whose kind the state of a job may rest on them.
    """

    relation: Relation
    times: Mapping[str, Column]
    status: Column | None = None
    flag: Column | None = None
    attempts: Column | None = None
    max_attempts: Column | None = None
    queue: Column | None = None
    texts: tuple[Column, ...] = ()
    unclear: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Whether a column says which jobs are processed."""
        return bool(self.status or self.flag or "processed" in self.times)

    @property
    def is_worked(self) -> bool:
        """Whether workers leave traces: attempts, a lock, a time at which a job is due."""
        return bool(self.attempts or self.times.keys() & {"running", "due", "last_attempt"})

    @property
    def is_candidate(self) -> bool:
        """Whether it may be an outbox, so that people have to hear of it."""
        known = certainty(self.relation.name)
        if known == CERTAIN:
            return (
                self.is_marked or self.is_worked or bool(self.texts) or "outbox" in "".join(words(self.relation.name))
            )
        marked = self.is_marked and bool(self.times.keys() & {"created", "due", "processed"})
        worked = bool(self.attempts and self.times.keys() & {"running", "due"})
        return self.relation.is_table and (marked or worked if known else marked and self.is_worked)

    @property
    def refusal(self) -> str:
        """Why no mapping can be true of it, whoever decides; empty where one may be."""
        if self.relation.kind in {"v", "m"}:
            return _VIEW.format(", ".join(self.relation.below))
        if not self.relation.is_table:
            return _FOREIGN
        if self.texts:
            named = " and ".join(column.name for column in self.texts)
            return f"the columns of times, {named}, are of type {self.texts[0].type}: texts do not compare as times do"
        if not self.relation.key:
            return "no primary key and no unique index over columns that are not NULL identifies a row"
        return "" if self.is_marked or self.is_worked else _UNMARKED


def read(relation: Relation) -> Shape:
    """The meanings of a table's columns."""
    unclear: list[str] = []
    flag = _only(relation.columns, ("boolean",), vocabulary()["times"]["processed"], "processed", unclear)
    attempts = _only(relation.columns, INTEGERS, vocabulary()["attempts"], "attempts", unclear)
    maximum = _only(relation.columns, INTEGERS, vocabulary()["max_attempts"], "max_attempts", unclear)
    counted = {column.name for column in (attempts, maximum) if column}
    times = dict(_times(relation, counted, unclear))
    status = _status(relation, unclear)
    if "processed" in times or status:
        flag = None
    unclear += _flags(relation)
    unclear += _ambiguous(relation, has_status=status is not None)
    untold = {"created", *(() if status or flag else ("processed",))} - times.keys()
    texts = tuple(
        column
        for column in relation.columns
        if column.type in TEXTS and any(rank(vocabulary()["times"][each], column.name) is not None for each in untold)
    )
    queue = _queue(relation)
    told = {column.name for column in (*times.values(), status, flag, attempts, maximum, queue) if column}
    return Shape(
        relation,
        MappingProxyType(times),
        status,
        flag,
        attempts,
        maximum,
        queue,
        texts,
        tuple(unclear),
        tuple(_untold(relation, told, has_status=status is not None)),
    )


def _untold(relation: Relation, told: set[str], *, has_status: bool) -> Iterator[str]:
    """A status tells the state of a job, whatever other times there are; not so a flag."""
    names = vocabulary()
    times = names["times"]
    asked = {*chain(*names["same_as"].values(), *times["failed"], *times["running"]), *names["changed"]}
    for column in relation.columns:
        if column.name in {*told, *relation.key} or core(column.name) in asked:
            continue
        is_state = column.type == "boolean" or (column.is_text and words(column.name)[-1:] in _LAST_WORDS)
        is_time = column.type in TIMES and not column.not_null
        if is_state or (not has_status and (is_time or column.labels)):
            yield column.name


def _times(relation: Relation, counted: set[str], unclear: list[str]) -> Iterator[tuple[str, Column]]:
    for meaning, names in vocabulary()["times"].items():
        # A row may also be marked as removed by a flag.
        types = (*TIMES, *NUMBERS, *(["boolean"] if meaning == "deleted" else []))
        columns = [column for column in relation.columns if column.name not in counted]
        found = _only(columns, types, names, meaning, unclear)
        if found:
            yield meaning, found


def _only(
    columns: Iterable[Column], types: tuple[str, ...], names: list[list[str]], meaning: str, unclear: list[str]
) -> Column | None:
    """The column of these types and names; where there are several of one line, that has to be decided."""
    ranked = [(rank(names, column.name), column) for column in columns if column.type in types]
    best = min((place for place, _ in ranked if place is not None), default=None)
    found = [column for place, column in ranked if best is not None and place == best]
    if len(found) > 1:
        unclear.append(f"{_listed(found)}: which of them is {meaning}")
    return found[0] if found else None


def _status(relation: Relation, unclear: list[str]) -> Column | None:
    found = [
        column
        for column in relation.columns
        if (column.is_text or column.type in INTEGERS) and rank([vocabulary()["status"]], column.name) is not None
    ]
    if len(found) > 1:
        unclear.append(f"{_listed(found)}: which of them is status")
    return found[0] if found else None


def _queue(relation: Relation) -> Column | None:
    """The first by the order of the words: a breakdown by another one is as true."""
    ranked = [
        (place, number, column)
        for number, column in enumerate(relation.columns)
        if column.is_text and (place := rank(vocabulary()["queue"], column.name)) is not None
    ]
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _flags(relation: Relation) -> Iterator[str]:
    """Flags that a mapping cannot take."""
    names = vocabulary()
    for column in relation.columns:
        if column.type == "boolean":
            is_failed = core(column.name) in {*names["same_as"]["failed"], *chain(*names["times"]["failed"])}
            if is_failed or rank(names["times"]["running"], column.name) is not None:
                yield f"{column.name} is a boolean, which a mapping does not take: what does it say of a job?"
        elif rank(names["times"]["processed"], column.name) is not None and _is_numeric_flag(column):
            yield f"{column.name} is {column.type}: which of its values mean pending, running, processed and failed?"


def _is_numeric_flag(column: Column) -> bool:
    """Whether a number is rather a flag than a time: by its size, or by a name that says nothing of a time."""
    is_bare = core(column.name) == "_".join(words(column.name)).removeprefix("is_")
    return column.type == "smallint" or (column.type == "integer" and is_bare)


def _ambiguous(relation: Relation, *, has_status: bool) -> Iterator[str]:
    """Times with several meanings. With a status, nothing but the time of an attempt rests on them."""
    for meaning, question in vocabulary()["ambiguous"].items():
        if has_status and meaning in {"failed", "started"}:
            continue
        for column in relation.columns:
            if column.type in (*TIMES, *NUMBERS) and core(column.name) in vocabulary()["same_as"][meaning]:
                yield f"{column.name}: {question}"


def _listed(columns: list[Column]) -> str:
    return ", ".join(column.name for column in columns)
