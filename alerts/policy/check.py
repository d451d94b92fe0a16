"""What may be wrong with a policy beyond its form, and with what a configuration changes in it."""

import re
from collections.abc import Mapping

from alerts.policy.expressions import THRESHOLD, check_unused_parameters, references
from alerts.policy.file import AlertEntry, InhibitionSource, PolicyDocument
from exporter.config.settings import Amount, Override
from exporter.core.problems import Problems, nearest

_SIGNAL = re.compile(r"\boutbox:[a-z0-9_:]+")
_SECONDS, _RATIO, _BOOLEAN = "seconds", "ratio", "boolean"


def override_error(override: Override, document: PolicyDocument) -> str | None:
    """What is wrong with an override, or None."""
    entries = {entry.name.text: entry for entry in document.entries}
    entry = entries.get(override.alert)
    if entry is None:
        return f"unknown alert{nearest(override.alert, entries)}"
    levels = [level.severity.value for level in entry.levels]
    if override.severity not in levels:
        return f"{override.alert} has no such severity, but {' and '.join(levels)}"
    return None if override.threshold is None else _threshold_error(override.threshold, threshold_unit(entry, document))


def _threshold_error(threshold: Amount, unit: str) -> str | None:
    """What is wrong with a threshold for something in that unit."""
    if unit == _BOOLEAN:
        return "it is so or it is not: only `for` can be changed"
    if unit == _SECONDS and not (threshold.is_time and threshold.value):
        return "expected a duration such as 5m"
    if unit != _SECONDS and threshold.is_time:
        return f"expected a number of {unit}"
    if unit == _RATIO and threshold.value > 1:
        return "expected a share from 0 to 1"
    return None


def threshold_unit(entry: AlertEntry, document: PolicyDocument) -> str:
    """What an alert's threshold counts; empty when that is not said."""
    units = {recording.record.text: recording.unit for recording in document.recordings}
    return units.get(entry.signal.text, "") if entry.signal else entry.unit.text if entry.unit else ""


def check(document: PolicyDocument, problems: Problems) -> None:
    """Note every name that leads nowhere or is taken, and every threshold that does not fit its signal."""
    _check_recordings(document, problems)
    names: set[str] = set()
    for entry in document.entries:
        if entry.name.text in names:
            problems.add(entry.name.place, "there is an alert of this name above")
        names.add(entry.name.text)
        _check_signal(entry, document, problems)
        _check_levels(entry, document, problems)
        _check_inhibition_sources(entry, document, problems)


def _check_recordings(document: PolicyDocument, problems: Problems) -> None:
    """Signals are computed in the order of the file: each needs those that it is made of above itself."""
    known: set[str] = set()
    for recording in document.recordings:
        for name in _SIGNAL.findall(recording.expr.text):
            if name not in known:
                problems.add(recording.expr.place, f"{name} is no signal above this one{nearest(name, known)}")
        if recording.record.text in known:
            problems.add(recording.record.place, "there is a signal of this name above")
        known.add(recording.record.text)
        check_unused_parameters(recording.parameters, [recording.expr], problems)


def _check_signal(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    known = {recording.record.text for recording in document.recordings}
    for expr in (entry.expr, *(level.condition for level in entry.levels if level.condition)):
        for name in _SIGNAL.findall(expr.text):
            if name not in known:
                problems.add(expr.place, f"{name} is no signal{nearest(name, known)}")
    if entry.signal and entry.signal.text not in _SIGNAL.findall(entry.expr.text):
        problems.add(entry.signal.place, "the expression does not have it")
    if bool(entry.signal) == bool(entry.unit):
        problems.add(entry.name.place, "give the unit of the threshold where there is no signal, and only there")


def _check_levels(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    exprs = [entry.expr, *(level.condition for level in entry.levels if level.condition)]
    check_unused_parameters(entry.parameters, exprs, problems)
    if THRESHOLD not in references([entry.expr]):
        problems.add(entry.expr.place, f"nothing is compared with ${THRESHOLD}")
    unit = threshold_unit(entry, document)
    for level in entry.levels:
        if unit != _BOOLEAN and (wrong := _threshold_error(level.threshold, unit)):
            problems.add(level.place, wrong)


def _check_inhibition_sources(entry: AlertEntry, document: PolicyDocument, problems: Problems) -> None:
    known: Mapping[str, AlertEntry] = {each.name.text: each for each in document.entries}
    for target in entry.muted_by:
        if wrong := _inhibition_source_error(target, known):
            problems.add(target.alert.place, wrong)


def _inhibition_source_error(target: InhibitionSource, known: Mapping[str, AlertEntry]) -> str | None:
    entry = known.get(target.alert.text)
    if entry is None:
        return f"unknown alert{nearest(target.alert.text, known)}"
    levels = [level.severity.value for level in entry.levels]
    return None if target.severity in levels else f"{entry.name.text} has no such severity, but {' and '.join(levels)}"
