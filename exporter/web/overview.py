"""The head of the status page: one sentence, and one card for each part that can be well or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from exporter.core import html_layout
from exporter.core.humanize import count, coverage, duration, moment
from exporter.metrics.catalogue import MIGRATION_CHECKS
from exporter.web import alert_list

VERDICT_KINDS = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn"}


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part. `kind` is good, warn, bad or soft, which colours the word; texts are not escaped yet."""

    name: str
    word: str
    kind: str
    notes: tuple[str, ...] = ()


def headline(status: Mapping[str, Any]) -> tuple[str, str]:
    """The state in a few words, and its kind: what fires, and whether everything is sampled.

    An alert of severity info is good news, such as a watch that has passed.
    """
    shown, failing = alert_list.firing(status["alerts"]), _failing(status)
    firing = [alert for alert in shown if alert["severity"] != "info"]
    is_down = not status["up"] and _was_sampled(status)
    found = (
        f"{len(firing)} alert{'s' if len(firing) > 1 else ''} firing" if firing else "",
        "no sample of the database succeeds" if is_down else "",
        "" if _was_sampled(status) else "the database was not sampled yet",
        _failures(len(failing)) if failing and not is_down else "",
        "alerts are not evaluated yet" if status["alerts"] is None else "",
    )
    if not any(found):
        return "no page or ticket is firing" if shown else "no alert is firing", "good"
    is_urgent = is_down or any(alert["severity"] == "page" for alert in firing)
    return ", ".join(filter(None, found)), "bad" if is_urgent else "warn" if firing or failing else "soft"


def cards(status: Mapping[str, Any]) -> str:
    """The parts and their states: words, which colours repeat."""
    shown = "".join(_card(part) for part in _parts(status))
    return f'<dl class="parts">{shown}</dl>'


def _card(part: PartStatus) -> str:
    notes = "".join(f'<div class="soft">{html_layout.breakable(note)}</div>' for note in part.notes)
    word = f'<div class="state {part.kind}">{escape(part.word)}</div>'
    return f'<div class="card"><dt>{escape(part.name)}</dt><dd>{word}{notes}</dd></div>'


def _parts(status: Mapping[str, Any]) -> Iterator[PartStatus]:
    yield _database(status)
    yield _application(status["application"])
    if MIGRATION_CHECKS.name not in status["unknown_metrics"]:
        yield _migration(status["migration"], status["now"])
    yield _watch(status["watch"], status["now"])
    yield _exporter(status)


def _database(status: Mapping[str, Any]) -> PartStatus:
    server = status["server"]
    notes = [str(status["database"])]
    if server is not None:
        address = f" {server['address']}" if server["address"] else ""
        notes.append(f"{server['role']}{address}")
    if not _was_sampled(status):
        return PartStatus("Database", "not sampled yet", "soft", tuple(notes))
    if not status["up"]:
        return PartStatus("Database", "no sample succeeds", "bad", (*notes, "see the problems below"))
    if server is None or server["role"] != "standby":
        return PartStatus("Database", "answers", "good", tuple(notes))
    lag = server["replay_lag_seconds"]
    behind = "its replication lag is unknown" if lag is None else f"at most {duration(lag)} behind its sender"
    return PartStatus("Database", "a standby answers", "warn", (*notes, behind))


def _was_sampled(status: Mapping[str, Any]) -> bool:
    return any(each["runs"] for each in status["collectors"])


def _application(application: Mapping[str, Any] | None) -> PartStatus:
    if application is None:
        return PartStatus("Application", "not watched", "soft", ("none is configured",))
    endpoints = application["endpoints"]
    answering = sum(endpoints.values())
    notes = tuple([f"{answering} of {len(endpoints)} endpoints answer"] if endpoints else [])
    if not endpoints:
        return PartStatus("Application", "unknown", "soft", ("not sampled yet, or too long ago",))
    if not answering:
        return PartStatus("Application", "does not answer", "bad", notes)
    if application["healthy"] is None:
        return PartStatus("Application", "health unknown", "warn", notes)
    failed = [name for name, passed in application["checks"].items() if not passed]
    notes += (f"failed: {', '.join(failed)}",) if failed else ()
    if not application["healthy"]:
        return PartStatus("Application", "says it is not healthy", "bad", notes)
    return PartStatus("Application", "healthy", "good" if answering == len(endpoints) else "warn", notes)


def _migration(migration: Mapping[str, Any] | None, now: float) -> PartStatus:
    if migration is None:
        return PartStatus("Migration", "unknown", "soft", ("not checked yet, or too long ago",))
    broken = len(migration["broken"])
    notes = [f"{count(migration['ok'])} checks ok, {broken} broken, {count(migration['unknown'])} unknown"]
    if migration["checked_at"] is not None:
        notes.append(f"checked {duration(max(0, now - migration['checked_at']))} ago")
    return PartStatus("Migration", "broken" if broken else "intact", "bad" if broken else "good", tuple(notes))


def _watch(watch: Mapping[str, Any] | None, now: float) -> PartStatus:
    if watch is None:
        return PartStatus("Watch", "unknown", "soft", ("see the problems below",))
    if watch["state"] == "waiting":
        return PartStatus("Watch", "not started", "soft")
    word = watch["headline"] or ("problems so far" if watch["reasons"] else "no problem so far")
    kind = VERDICT_KINDS.get(watch["verdict"] or "", "warn" if watch["reasons"] else "good")
    notes = [time_left(watch, now)]
    if watch["coverage"] is not None:
        notes.append(f"coverage {coverage(watch['coverage'])}")
    return PartStatus("Watch", word, kind, tuple(filter(None, notes)))


def time_left(watch: Mapping[str, Any], now: float) -> str:
    """How long the watch lasts, or when it ended."""
    ends = watch["ends"]
    if ends is None:
        return ""
    return f"{duration(ends - now)} left, until {moment(ends)}" if now < ends else f"ended {moment(ends)}"


def _exporter(status: Mapping[str, Any]) -> PartStatus:
    """The exporter runs, as it serves the page; its collectors may not."""
    collectors = status["collectors"]
    names = {
        "failing": _failing(status),
        "stale": [each["name"] for each in collectors if each["success"] and not each["fresh"]],
        "not run yet": [each["name"] for each in collectors if each["success"] is None],
    }
    notes = tuple(f"{state}: {', '.join(found)}" for state, found in names.items() if found)
    if not notes:
        return PartStatus("Exporter", "samples are fresh", "good", (_collectors(len(collectors)),))
    if names["failing"]:
        return PartStatus("Exporter", _failures(len(names["failing"])), "warn", notes)
    return PartStatus("Exporter", "samples are missing", "warn" if names["stale"] else "soft", notes)


def _failing(status: Mapping[str, Any]) -> list[str]:
    return [each["name"] for each in status["collectors"] if each["success"] is False]


def _failures(number: int) -> str:
    return f"{_collectors(number)} fail{'s' if number == 1 else ''}"


def _collectors(number: int) -> str:
    return f"{number} collector{'' if number == 1 else 's'}"
