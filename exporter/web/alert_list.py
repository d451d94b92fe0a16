"""The alerts on the status page: firing ones with their causes first, then pending ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from alerts.model import DRILL
from exporter.core import html_layout
from exporter.core.humanize import duration

_COMMAND = re.compile("`([^`]+)`")
_SEVERITIES = ("page", "ticket", "info")
_KINDS = {"page": "bad", "ticket": "warn"}


def firing(alerts: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """The firing alerts, the cause before what it mutes, a page before a ticket; without the watchdog and the drill.

    A ticket is left out while the page of the same alert fires.
    """
    return _ranked(alerts or (), "firing")


def counted(alerts: Sequence[Mapping[str, Any]]) -> str:
    """2 pages, 1 ticket."""
    numbers = ((sum(alert["severity"] == each for alert in alerts), each) for each in _SEVERITIES)
    return ", ".join(f"{number} {name}{'s' if number > 1 else ''}" for number, name in numbers if number)


def section(alerts: Sequence[Mapping[str, Any]] | None, now: float) -> str:
    """The section of the page. None: the rules were not evaluated yet."""
    if alerts is None:
        unknown = '<p class="card"><span class="unknown">unknown</span>: not evaluated yet</p>'
        return html_layout.section("alerts", "Alerts", unknown)
    shown, pending = firing(alerts), _ranked(alerts, "pending")
    items = "".join(f"<li>{_alert(alert, now)}</li>" for alert in shown)
    listed = f'<ul class="list alerts">{items}</ul>' if items else '<p class="card state good">No alert is firing.</p>'
    title = f"Alerts: {counted(shown)} firing" if shown else "Alerts"
    return html_layout.section("alerts", title, listed + _pending_list(pending, now))


def _ranked(alerts: Sequence[Mapping[str, Any]], state: str) -> list[Mapping[str, Any]]:
    shown = [each for each in alerts if each["severity"] in _SEVERITIES and each["alert"] != DRILL]
    listed = {(each["alert"], each["severity"]) for each in shown if each["state"] in {"firing", state}}
    found = [each for each in shown if each["state"] == state and not listed.intersection(_more_severe(each))]
    return list(map(_merged, _grouped(sorted(found, key=_rank))))


def _grouped(alerts: Iterable[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    """The alerts by rule and what mutes them: one rule may fire for several collectors."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for alert in alerts:
        found.setdefault((alert["alert"], alert["severity"], alert["muted"], alert["muted_by"]), []).append(alert)
    return found.values()


def _merged(alerts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """One alert with all descriptions, since the first began."""
    descriptions = dict.fromkeys(alert["description"] for alert in alerts)
    return {**alerts[0], "description": "\n".join(descriptions)}


def _more_severe(alert: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same alert in its higher severities."""
    return [(alert["alert"], severity) for severity in _SEVERITIES[: _SEVERITIES.index(alert["severity"])]]


def _rank(alert: Mapping[str, Any]) -> tuple[bool, int, float, str]:
    return bool(alert["muted"]), _SEVERITIES.index(alert["severity"]), alert["since"], alert["alert"]


def _alert(alert: Mapping[str, Any], now: float) -> str:
    notes = [f"for {duration(max(0, now - alert['since']))}"]
    notes += ["its signals are unknown now, so it keeps firing"] if alert["held"] else []
    return (
        f"{_severity(alert)} <strong>{escape(alert['summary'])}</strong> "
        f'<span class="soft">{escape(", ".join(notes))}</span>{_muted(alert)}<br>{_description(alert)} '
        f"{_runbook(alert)}"
    )


def _pending_list(alerts: Sequence[Mapping[str, Any]], now: float) -> str:
    if not alerts:
        return ""
    items = "".join(f"<li>{_pending_alert(alert, now)}</li>" for alert in alerts)
    return f'<h3>Pending: {counted(alerts)}</h3><ul class="list alerts">{items}</ul>'


def _pending_alert(alert: Mapping[str, Any], now: float) -> str:
    since = duration(max(0, now - alert["since"]))
    held = "; its signals are unknown now, so it stays pending" if alert["held"] else ""
    return (
        f"{_severity(alert)} {escape(alert['summary'])} "
        f'<span class="soft">for {since}; fires after {duration(alert["hold_seconds"])}{held}</span>{_muted(alert)}<br>'
        f"{_description(alert)} {_runbook(alert)}"
    )


def _description(alert: Mapping[str, Any]) -> str:
    """With its commands, which are between backticks, as code; a line for each of several."""
    return _COMMAND.sub(r"<code>\1</code>", escape(alert["description"])).replace("\n", "<br>")


def _severity(alert: Mapping[str, Any]) -> str:
    return f'<span class="state {_KINDS.get(alert["severity"], "soft")}">{escape(alert["severity"])}</span>'


def _muted(alert: Mapping[str, Any]) -> str:
    if not alert["muted"]:
        return ""
    cause = f" by {escape(alert['muted_by'])}" if alert["muted_by"] else ""
    return f'<span class="soft">; muted{cause}: no notification of its own</span>'


def _runbook(alert: Mapping[str, Any]) -> str:
    """A relative link to the exporter's own page, which works behind any proxy; another address as it is."""
    own, url = f"runbooks/{alert['alert']}", str(alert["runbook_url"])
    link = own if not url or url.endswith(f"/{own}") else url
    return f'<a href="{escape(link)}">{escape(alert["alert"])} runbook</a>'
