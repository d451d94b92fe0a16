"""Checks a parsed policy, and the overrides of a configuration."""

import re
from collections.abc import Mapping

from alerts.model import Outlet
from alerts.policy.expressions import THRESHOLD, check_unused_parameters, references
from alerts.policy.file import AlertEntry, InhibitionSource, PolicyDocument
from exporter.config.settings import Amount, Override
from exporter.core.problems import Problems, nearest

_SIGNAL = re.compile(r"\boutbox:[a-z0-9_:]+")
_SECONDS, _RATIO, _BOOLEAN = "seconds", "ratio", "boolean"


def override_error(override: Override, document: PolicyDocument) -> str | None:
    """The error of an override; None when it is valid."""
    entries = {entry.name.text: entry for entry in document.entries}
    entry = entries.get(override.alert)
    if entry is None:
        return f"unknown alert{nearest(override.alert, entries)}"
    levels = [level.severity.value for level in entry.levels]
    if override.severity not in levels:
        return f"{override.alert} has only the severities {', '.join(levels)}"
    return None if override.threshold is None else _threshold_error(override.threshold, threshold_unit(entry, document))


def _threshold_error(threshold: Amount, unit: str) -> str | None:
    """The error of a threshold in this unit; None when it is valid."""
    if unit == _BOOLEAN:
        return "the alert has no threshold: only `for` can be changed"
    if unit == _SECONDS and not (threshold.is_time and threshold.value):
        return "expected a duration such as 5m"
    if unit != _SECONDS and threshold.is_time:
        return f"expected a number of {unit}"
    if unit == _RATIO and threshold.value > 1:
        return "expected a ratio from 0 to 1"
    return None


def threshold_unit(entry: AlertEntry, document: PolicyDocument) -> str:
    """The unit of an alert's threshold; empty when it has none."""
    units = {recording.record.text: recording.unit for recording in document.recordings}
    return units.get(entry.signal.text, "") if entry.signal else entry.unit.text if entry.unit else ""


def check(document: PolicyDocument, problems: Problems) -> None:
    """Report every unknown or duplicate name, and every threshold that does not fit its signal."""
    _check_recordings(document, problems)
    names: set[str] = set()
    for entry in document.entries:
        if entry.name.text in names:
            problems.add(entry.name.place, "duplicate alert")
        names.add(entry.name.text)
        _check_signal(entry, document, problems)
        _check_levels(entry, document, problems)
        _check_inhibition_sources(entry, document, problems)


def _check_recordings(document: PolicyDocument, problems: Problems) -> None:
    """Signals are evaluated in the order of the file: a signal may only use signals above it."""
    known: set[str] = set()
    for recording in document.recordings:
        exprs = [recording.expr, *([recording.exhausted_apart.expr] if recording.exhausted_apart else [])]
        for expr in exprs:
            for name in _SIGNAL.findall(expr.text):
                if name not in known:
                    problems.add(expr.place, f"{name} is not a signal above this one{nearest(name, known)}")
        if recording.record.text in known:
            problems.add(recording.record.place, "duplicate signal")
        known.add(recording.record.text)
        check_unused_parameters(recording.parameters, exprs, problems)


def _check_signal(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    known = {recording.record.text for recording in document.recordings}
    for expr in (entry.expr, *(level.condition for level in entry.levels if level.condition)):
        for name in _SIGNAL.findall(expr.text):
            if name not in known:
                problems.add(expr.place, f"unknown signal {name}{nearest(name, known)}")
    if Outlet.SIDECAR in entry.outlets:
        _check_outlets(entry, document, problems)
    if entry.signal and entry.signal.text not in _SIGNAL.findall(entry.expr.text):
        problems.add(entry.signal.place, "the expression does not use this signal")
    if bool(entry.signal) == bool(entry.unit):
        problems.add(entry.name.place, "exactly one of `signal` and `unit` is required")


def _check_outlets(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    """An alert that the exporter evaluates needs signals that it evaluates."""
    elsewhere = {each.record.text for each in document.recordings if Outlet.SIDECAR not in each.outlets}
    for name in elsewhere.intersection(_SIGNAL.findall(entry.expr.text)):
        problems.add(entry.expr.place, f"{name} is evaluated by Prometheus alone")


def _check_levels(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    exprs = [entry.expr, *(level.condition for level in entry.levels if level.condition)]
    check_unused_parameters(entry.parameters, exprs, problems)
    if THRESHOLD not in references([entry.expr]):
        problems.add(entry.expr.place, f"the expression does not use ${THRESHOLD}")
    unit = threshold_unit(entry, document)
    for level in entry.levels:
        if unit != _BOOLEAN and (wrong := _threshold_error(level.threshold, unit)):
            problems.add(level.place, wrong)


def _check_inhibition_sources(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    known: Mapping[str, AlertEntry] = {each.name.text: each for each in document.entries}
    for source in entry.muted_by:
        if wrong := _inhibition_source_error(source, known):
            problems.add(source.alert.place, wrong)


def _inhibition_source_error(source: InhibitionSource, known: Mapping[str, AlertEntry]) -> str | None:
    entry = known.get(source.alert.text)
    if entry is None:
        return f"unknown alert{nearest(source.alert.text, known)}"
    levels = [level.severity.value for level in entry.levels]
    return None if source.severity in levels else f"{entry.name.text} has only the severities {', '.join(levels)}"
