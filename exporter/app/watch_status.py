"""The watch as /metrics and the status page show it, from its view."""

from alerts.watch.analysis import messages
from alerts.watch.model.watch import Watch
from alerts.watch.runtime.recorder import WatchView
from exporter.app.status import ChangeStatus, WatchStatus
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

# Changes on the status page.
MAX_RECENT_CHANGES = 10


def recent_changes(view: WatchView) -> list[ChangeStatus]:
    """The latest changes, the last one first."""
    latest = reversed(view.changes[-MAX_RECENT_CHANGES:])
    return [
        {"kind": each.kind.value, "text": each.text, "earliest": each.earliest_at, "latest": each.at} for each in latest
    ]


def may_be_open(view: WatchView) -> bool:
    """Whether a watch may be open; also when its history cannot be read, so that nothing is known."""
    return view.state is None or (view.watch is not None and view.watch.is_open)


def watch_readings(view: WatchView) -> tuple[Reading, ...]:
    """The readings of the watch; none while its state is unknown."""
    if view.state is None:
        return ()
    found = [Reading(catalogue.WATCH_STATE, float(state == view.state), (state,)) for state in catalogue.WATCH_STATES]
    if view.watch is not None:
        found += [
            Reading(catalogue.WATCH_START, view.watch.started_at),
            Reading(catalogue.WATCH_END, ends_at(view.watch)),
        ]
    if view.standing is not None:
        found.append(Reading(catalogue.WATCH_COVERAGE, view.standing.coverage))
    latest: dict[str, float] = {}
    for change in view.changes:
        latest[change.kind.value] = change.at
    found += [Reading(catalogue.CHANGE, at, (kind,)) for kind, at in latest.items()]
    return tuple(found)


def watch_status(view: WatchView) -> WatchStatus | None:
    """A summary of the watch, the latest one when none is running; None while it is unknown."""
    if view.state is None:
        return None
    watch, judgement = view.watch, view.judgement
    return {
        "state": view.state.value,
        "verdict": watch.verdict.value if watch and watch.verdict else None,
        "headline": messages.headline(watch.verdict, watch.checks) if watch and watch.verdict else None,
        "started": watch.started_at if watch else None,
        "ends": ends_at(watch) if watch else None,
        "coverage": view.standing.coverage if view.standing else None,
        "summary": judgement.summary if judgement else view.waiting_for,
        "reasons": list(judgement.reasons) if judgement else [],
        "checks": [
            {
                "title": messages.marked(each.check),
                "verdict": each.verdict.value if each.verdict else None,
                "word": each.word,
                "reason": each.reason,
                "own": each.check.own,
                "advisory": each.check.advisory,
                "left_out": each.check.left_out,
            }
            for each in (judgement.results if judgement else ())
        ],
    }


def ends_at(watch: Watch) -> float:
    """The planned end of a watch or, once it is decided, when that was; Unix seconds."""
    return watch.ends_at if watch.decided_at is None else watch.decided_at
