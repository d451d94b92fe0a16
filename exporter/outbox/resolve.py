"""The mapping of a configuration: a profile, its keys replaced or supplemented by those of the section `outbox`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from exporter.outbox.mapping import DEFAULT, OutboxMapping

_STATUSES = (
    "status_pending",
    "status_retrying",
    "status_running",
    "status_processed",
    "status_failed",
    "status_cancelled",
)

_UNTOLD = (
    "nothing tells which jobs are processed: a time (processed), a status with its values, or "
    "is_removed_when_processed: true"
)


class MappingProblem(ValueError):
    """A mapping that means nothing; `key` is the key of the section to change."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def resolve(profile: str | None, given: Mapping[str, Any]) -> OutboxMapping:
    """The mapping of these keys of the section. Shape: `given` has the fields of `OutboxMapping`, None where not set.

    Raises: MappingProblem.
    """
    own = {key: value for key, value in given.items() if value is not None}
    if profile is None and not own:
        return DEFAULT
    mapping = _begin(profile, own)
    mapping = replace(mapping, **own)
    for problem in _problems(mapping):
        raise problem
    return mapping


def _begin(profile: str | None, own: Mapping[str, Any]) -> OutboxMapping:
    if profile is None:
        if not own.get("table"):
            raise MappingProblem("table", "missing; a mapping without a profile needs the table of the jobs")
        return OutboxMapping(own["table"])
    if profile == "default":
        return DEFAULT
    # Not imported above: few configurations have a profile.
    profiles = import_module("exporter.outbox.profiles")
    try:
        mapping: OutboxMapping = profiles.load(profile).mapping
    except KeyError:
        known = ", ".join(("default", *profiles.names()))
        message = f"expected one of {known}; without a profile, a table and its columns"
        raise MappingProblem("profile", message) from None
    return mapping


def _problems(m: OutboxMapping) -> Iterator[MappingProblem]:
    """What is wrong with it, the first of which is told."""
    values = [value for key in _STATUSES for value in getattr(m, key)]
    doubled = next((value for value in values if values.count(value) > 1), "")
    events = (m.events_job, m.events_type, m.events_at)
    names = (m.queues_table, m.queues_id, m.queues_name)
    types = (m.events_created, m.events_processed, m.events_failed)
    rules = (
        ("id", not m.id, "missing; the columns that identify a job"),
        ("processed", not (m.status or m.processed or m.is_removed_when_processed), _UNTOLD),
        ("status", bool(values and not m.status), "missing; the values need the column that holds them"),
        ("status_pending", bool(m.status and not m.status_pending), "missing; the values that mean pending"),
        (
            "status_processed",
            bool(m.status and not m.status_processed and not m.is_removed_when_processed),
            "missing; the values that mean processed",
        ),
        ("status", bool(doubled), f"the value {doubled} is listed under two meanings"),
        ("error", bool(m.error and not m.processed), "needs processed; it tells which of these jobs were given up"),
        ("attempts", bool(m.max_attempts and not m.attempts), "missing; max_attempts limits the column that it names"),
        (
            "max_attempts",
            m.max_attempts == "0",
            "expected a column, or 1 or more; without a limit leave it out",
        ),
        (
            "max_attempts",
            m.is_cancelled_below_max_attempts and not m.max_attempts,
            "missing; is_cancelled_below_max_attempts compares with it",
        ),
        ("events_table", bool(not m.events_table and any((*events, *types))), "missing; other keys of events need it"),
        ("events_table", bool(m.events_table and not all(events)), "needs events_job, events_type and events_at"),
        ("queues_table", any(names) and not all(names), "queues_table, queues_id and queues_name belong together"),
        ("events_job", bool(m.events_table and len(m.events_job) != len(m.id)), "needs as many columns as id"),
    )
    return (MappingProblem(key, message) for key, is_wrong, message in rules if is_wrong)
