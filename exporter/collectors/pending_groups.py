"""Groups of pending jobs: the rows of one queue and number of attempts, the state that follows, and their readings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import Reading


@dataclass(frozen=True, slots=True)
class AttemptGroup:
    """One row of sql/backlog.sql: pending jobs of one queue and number of attempts.

    Units: `oldest` Unix seconds. Shape: `queue` and `attempts` are None for jobs without one; `oldest` is None where no
    job of the group has a believable time.
    """

    queue: str | None
    attempts: int | None
    jobs: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class PendingGroup:
    """Pending jobs of one queue in one state. Units and shape: as in `AttemptGroup`."""

    queue: str | None
    state: str
    jobs: int
    oldest: float | None


def by_queue_and_state(groups: Iterable[AttemptGroup], exhausted_attempts: float) -> list[PendingGroup]:
    """One group for each queue and state, the largest first; a job without a number of attempts is waiting.

    Names of different bytes may be decoded alike, with U+FFFD. Source: deployed application, "failing means
    processed_at IS NULL AND attempts > 0" (last_error stays after a later success and says nothing).
    """
    found: dict[tuple[str | None, str], PendingGroup] = {}
    for group in groups:
        attempts = group.attempts or 0
        state = "waiting" if attempts <= 0 else "failing" if attempts < exhausted_attempts else "exhausted"
        same = found.get((group.queue, state), PendingGroup(group.queue, state, 0, None))
        known = [each for each in (same.oldest, group.oldest) if each is not None]
        found[group.queue, state] = replace(same, jobs=same.jobs + group.jobs, oldest=min(known, default=None))
    return sorted(found.values(), key=lambda group: group.jobs, reverse=True)


def jobs_in(groups: Iterable[PendingGroup]) -> int:
    """How many jobs there are in all of them."""
    return sum(group.jobs for group in groups)


def jobs_by_queue(groups: Iterable[PendingGroup], queues: LabelLimit) -> Counter[str]:
    """How many jobs each queue has, by its published name."""
    found: Counter[str] = Counter()
    for group in groups:
        found[queues.name(group.queue)] += group.jobs
    return found


def without(groups: Iterable[PendingGroup], newest: Iterable[PendingGroup]) -> list[PendingGroup]:
    """The groups less these newest jobs: the oldest job of what remains is the same."""
    fewer = {(group.queue, group.state): group.jobs for group in newest}
    left = (replace(group, jobs=group.jobs - fewer.get((group.queue, group.state), 0)) for group in groups)
    return [group for group in left if group.jobs]


def by_state(groups: Iterable[PendingGroup], states: Iterable[str] = catalogue.STATES) -> Iterator[Reading]:
    """Jobs and oldest job of each of these states."""
    groups = tuple(groups)
    for state in states:
        mine = [group for group in groups if group.state == state]
        yield Reading(catalogue.PENDING_JOBS, sum(group.jobs for group in mine), (state,))
        yield from _oldest(catalogue.OLDEST_PENDING, mine, state)


def by_queue(groups: Iterable[PendingGroup], queues: LabelLimit) -> Iterator[Reading]:
    """Jobs and oldest job of each queue, exhausted ones apart too; `other` for queues beyond the label limit."""
    found: dict[str, list[PendingGroup]] = {}
    for group in groups:
        found.setdefault(queues(group.queue), []).append(group)
    for queue, of_queue in found.items():
        exhausted = [group for group in of_queue if group.state == "exhausted"]
        yield Reading(catalogue.QUEUE_PENDING_JOBS, jobs_in(of_queue), (queue,))
        yield Reading(catalogue.QUEUE_EXHAUSTED_JOBS, jobs_in(exhausted), (queue,))
        yield from _oldest(catalogue.QUEUE_OLDEST_PENDING, of_queue, queue)
        yield from _oldest(catalogue.QUEUE_OLDEST_EXHAUSTED, exhausted, queue)


def _oldest(metric: Metric, groups: Iterable[PendingGroup], label: str) -> Iterator[Reading]:
    if known := [group.oldest for group in groups if group.oldest is not None]:
        yield Reading(metric, min(known), (label,))
