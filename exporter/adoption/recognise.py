"""Which tables of a database may be an outbox, and which of them is meant."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.adoption import library, shape
from exporter.adoption.catalogue import Relation
from exporter.adoption.proposal import Proposal
from exporter.adoption.shape import Shape
from exporter.adoption.words import CERTAIN, certainty


@dataclass(frozen=True, slots=True)
class Choice:
    """What people choose among others: the name of a profile, and a table by its name, with its schema or without."""

    profile: str = ""
    table: str = ""

    @property
    def options(self) -> str:
        """The options of the command, each after a blank; empty where nothing was chosen."""
        given = (("profile", self.profile), ("table", self.table))
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in given if value)

    def fits(self, relation: Relation, profile: str = "") -> bool:
        """Whether a candidate is among what was chosen."""
        return (not self.profile or self.profile == profile) and (
            not self.table or self.table in {relation.name, relation.full_name}
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates that are meant, of one rank; `others` are names of tables that may be meant as well."""

    of_libraries: tuple[Proposal, ...] = ()
    by_shape: tuple[Shape, ...] = ()
    others: tuple[str, ...] = ()


def candidates(relations: Iterable[Relation], choice: Choice, timestamp_zone: str = "") -> Candidates:
    """The candidates of a database. A table that was chosen is one, whatever its name."""
    relations = tuple(relations)
    known = tuple(library.proposals(relations, timestamp_zone=timestamp_zone))
    chosen = tuple(each for each in known if choice.fits(each.relation, each.profile))
    if choice.profile:
        return Candidates(chosen)
    recognised = {each.relation.full_name for each in known}
    shapes = [
        read
        for relation in relations
        if relation.full_name not in recognised
        and choice.fits(relation)
        and (choice.table or not any(library.belongs(relation, each) for each in known))
        and ((read := shape.read(relation)).is_candidate or choice.table)
    ]
    return _foremost(chosen, shapes, choice)


def _foremost(known: tuple[Proposal, ...], shapes: list[Shape], choice: Choice) -> Candidates:
    """Meant before others are tables of a library, and those whose name says that they are an outbox or a queue."""
    ranks = {each.relation.full_name: certainty(each.relation.name) for each in shapes}
    best = CERTAIN if known else max(ranks.values(), default=0)
    meant = [each for each in shapes if choice.table or ranks[each.relation.full_name] >= best]
    if possible := [each for each in meant if not each.refusal]:
        # A table of which nothing can be told does not compete.
        refused = [each.relation.full_name for each in meant if each.refusal]
        meant = possible
    elif known:
        refused = [each.relation.full_name for each in meant]
        meant = []
    else:
        refused = []
    others = [name for name in ranks if name not in {each.relation.full_name for each in meant}]
    return Candidates(known, tuple(meant), tuple(sorted({*refused, *others})))
