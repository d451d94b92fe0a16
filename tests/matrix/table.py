"""The fault matrix as a table of docs/alerting.md."""

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
HEAD: Final = ("| Fault | Arrives | At the latest, s | Measured, s | Told to be over, s |", "|---|---|---:|---:|---:|")

FAULTS: Final = [fault for _, faults in FAULTS_BY_LAB.values() for fault in faults]


def at_the_latest(fault: MatrixFault, rule: RuleKey) -> float:
    """Seconds from when the fault is there until the alert has arrived."""
    return fault.condition_delay + POLICY.rule(rule).hold_duration + 3 * INTERVAL + _collecting(rule.severity)


def with_measurements(text: str, matrix: Matrix) -> str:
    """The page with these measurements."""
    return between(text, BEGIN, END, [*HEAD, *(row for fault in FAULTS for row in _rows(fault, matrix))])


def described(text: str) -> Mapping[str, list[str]]:
    """What the page says arrives, by fault."""
    rows = text.partition(f"{HEAD[1]}\n")[2].partition(END)[0].splitlines()
    said: dict[str, list[str]] = {}
    for row in rows:
        fault, alert = (cell.strip() for cell in row.split("|")[1:3])
        said.setdefault(fault, []).append(alert)
    return said


def arrivals(fault: MatrixFault) -> list[str]:
    """What the page has to say."""
    return [f"`{rule.alert}` ({rule.severity})" for rule in sorted(fault.expected)] or ["nothing"]


def _rows(fault: MatrixFault, matrix: Matrix) -> Iterator[str]:
    played = matrix.played[fault.name]
    for rule, arrival in zip(sorted(fault.expected), arrivals(fault), strict=False):
        measured = played.told[rule] - played.active_at
        resolved_at = played.resolved_at[rule] - played.ended_at
        yield f"| {fault.name} | {arrival} | {at_the_latest(fault, rule):.1f} | {measured:.1f} | {resolved_at:.1f} |"
    if not fault.expected:
        yield f"| {fault.name} | nothing | | | |"


def _collecting(severity: Severity) -> float:
    """Alertmanager's group_wait for it, at the rehearsal's pace."""
    ours = shipped()["route"]["routes"][0]["routes"]
    (route,) = (each for each in ours if f'severity = "{severity}"' in each["matchers"])
    return duration(route.get("group_wait", shipped()["route"]["group_wait"])) * SCALE
