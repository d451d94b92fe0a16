"""The signals on the status page: a card for each, why one has no value, and what this outbox cannot have."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from exporter.core import html_layout, svg_charts
from exporter.core.html_layout import shown
from exporter.core.humanize import count, duration, percent
from exporter.metrics import catalogue, terms
from exporter.web import TREND_SECONDS

# The metric of a card, without which it is not shown: the section about what is not known has the reason.
_METRICS = {
    "time": catalogue.LAST_HOUR_PROCESSING_TIME.name,
    "events": catalogue.LAST_HOUR_EVENTS.name,
    "keys": catalogue.IDEMPOTENCY_KEYS.name,
    "failures": catalogue.LAST_HOUR_FAILURE_RATIO.name,
}
_OTHER_JOBS = {
    "scheduled": ("Scheduled jobs", "not due yet; no backlog"),
    "running": ("Running jobs", "a worker has them; no backlog"),
}
_UNCOUNTED = {
    "uncounted": "whose processed_at is too far from now (the application's clock or time zone is wrong)",
    "removed": "whose rows were deleted",
    "doubled": "whose processed_at was set twice",
}


def section(status: Mapping[str, Any]) -> str:
    """The section of the page."""
    html = _signals(status) + _unknown_now(status["unknown_now"]) + _uncounted(status["unaccounted"])
    return html_layout.section("signals", "Signals", html)


def not_known(status: Mapping[str, Any]) -> str:
    """The section about what this outbox cannot have, by the reason; empty without anything."""
    found = _by_reason(status["unknown_metrics"])
    for reason, names in status["left_out"].items():
        found.setdefault(reason, []).extend(names)
    items = "".join(
        f'<li>{escape(reason)}: <span class="soft">{escape(", ".join(names))}</span></li>'
        for reason, names in found.items()
    )
    listed = f"<details><summary>{len(found)} reasons</summary><ul>{items}</ul></details>" if items else ""
    return html_layout.section("not-known", "Not known of this outbox", listed)


def _signals(status: Mapping[str, Any]) -> str:
    signals, unknown = status["signals"], status["unknown_metrics"]
    age, events = signals["oldest_pending_age_seconds"], signals["events_last_hour"]
    total = None if events is None else sum(events.values())
    cards = (
        ("backlog", terms.BACKLOG, shown(signals["backlog"], count), _note("oldest job ", age, duration)),
        ("time", terms.PROCESSING_TIME, shown(signals["processing_time_avg_seconds"], duration), "mean, last hour"),
        ("events", terms.EVENTS, shown(total, count), _sources(events)),
        ("keys", terms.IDEMPOTENCY_KEYS, shown(signals["idempotency_keys"], count), "live and expired"),
        ("failures", terms.FAILURE_RATIO, shown(signals["failure_ratio"], percent), "last hour"),
    )
    html = [
        _card(term.name, value, note + _trend(status, key, term.name))
        for key, term, value, note in cards
        if not unknown.get(_METRICS.get(key, ""))
    ]
    others = ((status[key], name, note) for key, (name, note) in _OTHER_JOBS.items())
    html += [_card(name, count(jobs), note) for jobs, name, note in others if jobs is not None]
    return f'<dl class="signals">{"".join(html)}</dl>'


def _by_reason(unknown: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of metrics, by the reason why they are absent."""
    found: dict[str, list[str]] = {}
    for metric, reason in unknown.items():
        found.setdefault(reason, []).append(metric)
    return found


def _unknown_now(unknown: Mapping[str, str]) -> str:
    """What has no value at present, by the reason."""
    return "".join(
        f'<p>Unknown at present: {escape(reason)} <span class="soft">({escape(", ".join(names))})</span></p>'
        for reason, names in _by_reason(unknown).items()
    )


def _uncounted(jobs: Mapping[str, float] | None) -> str:
    """Jobs for which created = processed + growth of the backlog does not hold."""
    found = [f"{count(jobs[kind])} jobs {reason}" for kind, reason in _UNCOUNTED.items() if jobs and jobs.get(kind)]
    text = escape("; ".join(found))
    return f'<p class="state warn">Not accounted for since the start: {text}.</p>' if found else ""


def _card(name: str, value: str, note: str) -> str:
    content = f'<div class="value">{value}</div><div class="soft">{note}</div>'
    return f'<div class="card"><dt>{name}</dt><dd>{content}</dd></div>'


def _trend(status: Mapping[str, Any], key: str, name: str) -> str:
    points, now = status["trends"].get(key), status["now"]
    return svg_charts.sparkline(points, now - TREND_SECONDS, now, f"{name} over the last hour") if points else ""


def _note(words: str, value: float | None, text: Callable[[float], str]) -> str:
    return "" if value is None else escape(f"{words}{text(value)}")


def _sources(events: Mapping[str, float] | None) -> str:
    by_source = ", ".join(f"{source} {count(value)}" for source, value in (events or {}).items())
    return escape(f"last hour: {by_source}" if by_source else "last hour")
