"""What `adopt` proposes for one table."""

from dataclasses import dataclass

from exporter.adoption.catalogue import Relation
from exporter.outbox.mapping import OutboxMapping


@dataclass(frozen=True, slots=True)
class Proposal:
    """A table and its mapping.

    `profile` is the library's, empty where the table was recognised by its shape; `title` says what it was taken for.
    `assumed` is what nothing here proves; `undecided` is what only a person can tell: with it, `mapping` is a draft.
    `timestamp_zone` is that of times without zone, empty where none is needed.
    """

    relation: Relation
    title: str
    mapping: OutboxMapping | None
    profile: str = ""
    timestamp_zone: str = ""
    proved: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether there is a mapping, with nothing left to decide."""
        return self.mapping is not None and not self.undecided
