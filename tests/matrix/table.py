"""The fault matrix as a table in docs/alerting.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from alerts.model import RuleKey, Severity
from exporter.config.values import duration
from tests.alerts.alertmanager import shipped
from tests.matrix.faults import FAULTS_BY_LAB, MatrixFault
from tests.matrix.run_matrix import Matrix
from tests.matrix.time_scale import INTERVAL, POLICY, SCALE
from tools.alerting import between

PAGE: Final = Path(__file__).parents[2] / "docs" / "alerting.md"
BEGIN, END = "<!-- fault matrix: measured by tests/matrix -->", "<!-- end of fault matrix -->"
HEAD: Final = ("| Fault | Alert | At the latest, s | Measured, s | Resolved, s |", "|---|---|---:|---:|---:|")

FAULTS: Final = [fault for _, faults in FAULTS_BY_LAB.values() for fault in faults]


def at_the_latest(fault: MatrixFault, rule: RuleKey) -> float:
    """The longest time from the fault until the alert arrives, seconds."""
    return fault.condition_delay + POLICY.rule(rule).hold_duration + 3 * INTERVAL + _group_wait(rule.severity)


def with_measurements(text: str, matrix: Matrix) -> str:
    """The page with the measurements of this run. Raises: ValueError when a marker is missing."""
    return between(text, BEGIN, END, [*HEAD, *(row for fault in FAULTS for row in _rows(fault, matrix))])


def described(text: str) -> Mapping[str, list[str]]:
    """The alerts that the page names, by fault."""
    rows = text.partition(f"{HEAD[1]}\n")[2].partition(END)[0].splitlines()
    found: dict[str, list[str]] = {}
    for row in rows:
        fault, alert = (cell.strip() for cell in row.split("|")[1:3])
        found.setdefault(fault, []).append(alert)
    return found


def arrivals(fault: MatrixFault) -> list[str]:
    """The alerts that the page has to name for a fault."""
    return [f"`{rule.alert}` ({rule.severity})" for rule in sorted(fault.expected)] or ["nothing"]


def _rows(fault: MatrixFault, matrix: Matrix) -> Iterator[str]:
    result = matrix.results[fault.name]
    for rule, arrival in zip(sorted(fault.expected), arrivals(fault), strict=False):
        measured = result.fired_at[rule] - result.active_at
        resolved = result.resolved_at[rule] - result.ended_at
        yield f"| {fault.name} | {arrival} | {at_the_latest(fault, rule):.1f} | {measured:.1f} | {resolved:.1f} |"
    if not fault.expected:
        yield f"| {fault.name} | nothing | | | |"


def _group_wait(severity: Severity) -> float:
    """Alertmanager's group_wait for this severity, scaled, seconds."""
    routes = shipped()["route"]["routes"][0]["routes"]
    (route,) = (each for each in routes if f'severity = "{severity}"' in each["matchers"])
    return duration(route.get("group_wait", shipped()["route"]["group_wait"])) * SCALE
