"""The drill on the status page: when it takes place, and what each receiver made of the latest one."""

from collections.abc import Mapping
from html import escape
from typing import Any

from exporter.core import html_layout
from exporter.core.humanize import moment

_RESULTS = {None: ("soft", "no drill yet"), True: ("good", "reached"), False: ("bad", "not reached")}


def section(drill: Mapping[str, Any] | None) -> str:
    """The section of the page; empty when no drill is scheduled."""
    if drill is None:
        return ""
    when = "takes place now: no action is needed" if drill["active"] else f"next {moment(drill['next'])}"
    items = "".join(f"<li>{_receiver(receiver)}</li>" for receiver in drill["receivers"])
    listed = (
        f"<ul>{items}</ul>" if items else f"<p>No receiver takes alerts of severity {escape(drill['severity'])}.</p>"
    )
    body = f'<div class="card"><p>The weekly drill: {escape(when)}.</p>{listed}</div>'
    return html_layout.section("drill", "Drill", body)


def _receiver(receiver: Mapping[str, Any]) -> str:
    kind, word = _RESULTS[receiver["succeeded"]]
    last = receiver["succeeded_at"]
    proved = "" if last is None else f"; last success {moment(last)}: {receiver['proved']}"
    problem = f"; {receiver['problem']}" if receiver["problem"] else ""
    return f'{escape(receiver["receiver"])}: <span class="state {kind}">{word}</span>{escape(proved + problem)}'
