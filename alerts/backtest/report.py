"""A backtest as text and as a JSON document."""

from collections.abc import Iterator, Mapping
from typing import Any

from alerts.backtest.backtest import Backtest, Proposals
from alerts.backtest.model import Firing
from alerts.backtest.thresholds import Proposal
from alerts.model import Policy, Severity
from exporter.config.values import format_duration
from exporter.core.humanize import duration, format_value, moment

_TIME = "%Y-%m-%d %H:%M:%S"
_SEVERITIES = (Severity.PAGE, Severity.TICKET, Severity.INFO)


def text(found: Backtest, policy: Policy) -> str:
    """The backtest for people. `policy` is the one that was replayed."""
    return "\n".join(_lines(found, policy)) + "\n"


def _lines(found: Backtest, policy: Policy) -> Iterator[str]:
    length, known = (found.end - found.start) / 1000, found.known
    yield f"{_time(found.start)} to {_time(found.end)} UTC, {duration(length)}, of which {duration(known)} are known."
    yield "Evaluated as Prometheus does, with the thresholds of this configuration."
    for name, message in found.failures.items():
        yield f"{name} cannot be evaluated: {message}"
    yield from _unknown(found)
    summaries = {rule.key: rule.summary for rule in policy.rules}
    for severity in _SEVERITIES:
        firings = [each for each in found.firings if each.rule.severity is severity]
        yield ""
        if not firings:
            yield f"{severity}: none"
            continue
        muted = sum(each.muted for each in firings)
        counted = f"{len(firings)}{f', of which {muted} muted' if muted else ''}"
        yield f"{severity}: {counted}; {found.per_week(severity):.1f} a week"
        for each in firings:
            yield f"  {_time(each.start)}  {_how_long(each):<14}  {each.rule.alert}: {summaries[each.rule]}"
    if found.proposals is not None:
        yield ""
        yield from _proposals(found.proposals)


def _unknown(found: Backtest) -> Iterator[str]:
    if not found.unknown:
        return
    yield "Unknown, so that alerts may be missing:"
    for each in found.unknown:
        yield f"  {_time(each.start)}  {duration((each.end - each.start) / 1000):<14}  {each.reason}"


def _how_long(firing: Firing) -> str:
    length = duration((firing.end - firing.start) / 1000)
    return f"{length}{' or longer' if firing.open else ''}{', muted' if firing.muted else ''}"


def _proposals(found: Proposals) -> Iterator[str]:
    yield f"For at most {found.most:g} pages a week:"
    if not found.proposals:
        yield f"  no threshold is changed; {found.pages_per_week:.1f} a week"
        return
    for each in found.proposals:
        yield (
            f"  {each.rule}: {format_value(each.threshold, each.unit)} -> {format_value(each.proposed, each.unit)}"
            f" (pages: {each.fired} -> {each.would_fire})"
        )
    yield f"A replay with these thresholds gives {found.pages_per_week:.1f} pages a week. In the configuration:"
    yield "  alerting:"
    yield "    thresholds:"
    for each in found.proposals:
        yield f"      {each.rule.alert}: {{{each.rule.severity}: {{threshold: {_written(each)}}}}}"
    yield "A page that is no longer sent may have been one that somebody needed: check each of them above."


def _written(proposal: Proposal) -> str:
    """The threshold as a configuration has it."""
    return format_duration(proposal.proposed) if proposal.unit == "seconds" else f"{proposal.proposed:.15g}"


def _time(at: int) -> str:
    return moment(at / 1000, _TIME)


def document(found: Backtest) -> Mapping[str, Any]:
    """The backtest as JSON values. Units: times in Unix seconds."""
    return {
        "start": found.start / 1000,
        "end": found.end / 1000,
        "known_seconds": found.known,
        "unknown": [
            {"start": each.start / 1000, "end": each.end / 1000, "reason": each.reason} for each in found.unknown
        ],
        "failures": dict(found.failures),
        "alerts": [_alert(each) for each in found.firings],
        "per_week": {severity.value: found.per_week(severity) for severity in _SEVERITIES},
        "proposals": None if found.proposals is None else _proposals_document(found.proposals),
    }


def _alert(firing: Firing) -> Mapping[str, Any]:
    return {
        "alert": firing.rule.alert,
        "severity": firing.rule.severity.value,
        "labels": dict(firing.labels),
        "start": firing.start / 1000,
        "end": None if firing.open else firing.end / 1000,
        "seen_until": firing.end / 1000,
        "muted": firing.muted,
    }


def _proposals_document(found: Proposals) -> Mapping[str, Any]:
    return {
        "pages_per_week_wanted": found.most,
        "pages_per_week_with_proposals": found.pages_per_week,
        "thresholds": [
            {
                "alert": each.rule.alert,
                "severity": each.rule.severity.value,
                "unit": each.unit,
                "threshold": each.threshold,
                "proposed": each.proposed,
                "pages": each.fired,
                "pages_with_proposal": each.would_fire,
            }
            for each in found.proposals
        ],
    }
