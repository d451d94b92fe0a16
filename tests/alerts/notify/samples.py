"""Sample alerts and evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from alerts.model import Alert, Change, Evaluation, Labels, RuleKey, Severity, State, Transition
from alerts.notify.message.incidents import DeliveredState, Incident

# A Monday at noon.
NOON: Final = 1_700_481_600.0
ROUTING_KEY: Final = "0123456789abcdef0123456789ABCDEF"


def labels(alert: str = "OutboxStalled", severity: Severity = Severity.PAGE, **more: str) -> Labels:
    return tuple(sorted({"alertname": alert, "severity": str(severity), "job": "outbox-exporter", **more}.items()))


def alert(
    name: str = "OutboxStalled",
    severity: Severity = Severity.PAGE,
    since: float = NOON,
    *,
    muted: bool = False,
    value: float = 400.0,
    **more: str,
) -> Alert:
    """One that fires."""
    return Alert(
        RuleKey(name, severity),
        labels(name, severity, **more),
        State.FIRING,
        active_since=since - 60,
        value=value,
        last_true=since,
        firing_since=since,
        muted=muted,
        annotations={
            "summary": f"{name} is true",
            "description": f"It is {value:g}.",
            "runbook_url": f"https://runbooks.example/{name}.md",
        },
    )


def pending(name: str = "OutboxStalled", severity: Severity = Severity.PAGE) -> Alert:
    return replace(alert(name, severity), state=State.PENDING, firing_since=None)


def evaluation(at: float, alerts: Sequence[Alert] = (), resolved: Iterable[Alert] = ()) -> Evaluation:
    """The evaluation with these alerts, and with those that were resolved at that time."""
    return Evaluation(at, {}, tuple(alerts), tuple(Transition(at, Change.RESOLVED, each) for each in resolved))


def incident(
    name: str = "OutboxStalled",
    severity: Severity = Severity.PAGE,
    starts_at: float = NOON,
    ends_at: float | None = None,
    delivered_state: DeliveredState = DeliveredState.NOTHING,
) -> Incident:
    return Incident(labels(name, severity), starts_at, ends_at, delivered_state, alert(name, severity).annotations)
