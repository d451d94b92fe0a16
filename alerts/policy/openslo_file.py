"""Writes the latency objective as OpenSLO documents, version 1, for programs that manage objectives.

An alert condition of OpenSLO has one window. The rules of this policy have a second, shorter one for each, in which the
error budget must burn as fast; the description names it. Source: https://github.com/OpenSLO/OpenSLO.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from alerts.model import Objective, Policy, Rule
from alerts.policy.objective import bucket_label, least_bound
from alerts.policy.yaml_lines import header
from exporter.config.values import duration, format_duration
from exporter.metrics.catalogue import PROCESSING_TIME

_VERSION: Final = "openslo/v1"
_TARGET: Final = "alertmanager"
_BURN_RATE = re.compile(r"outbox:latency_burn_rate:(?P<window>\w+) > (?P<factor>[0-9.]+)")
_NO_NAME = re.compile(r"[^a-z0-9]+")
_MAX_NAME: Final = 40  # of the 63 characters of a name, which is followed by what the object is

_Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BurnRate:
    """A burn rate of a rule: `factor` times the error budget, in the longest window and in the shorter ones."""

    rule: Rule
    factor: float
    window: str
    shorter: tuple[str, ...]


def openslo(policy: Policy, jobs: Iterable[str]) -> str:
    """Documents for the outboxes of these scrape jobs. Raises: ValueError when the policy has no objective."""
    if policy.objective is None:
        raise ValueError("the policy has no objective")
    rates = tuple(burn_rates(policy))
    documents = [_target()]
    for name, job in _named(jobs).items():
        documents += _outbox(name, job, policy.objective, rates)
    return header(policy) + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=110)


def burn_rates(policy: Policy) -> Iterator[BurnRate]:
    """The burn rates that the rules of the policy compare with."""
    for rule in policy.rules:
        windows: dict[float, list[str]] = {}
        for found in _BURN_RATE.finditer(rule.expr):
            windows.setdefault(float(found["factor"]), []).append(found["window"])
        for factor, names in windows.items():
            *shorter, longest = sorted(names, key=duration)
            yield BurnRate(rule, factor, longest, tuple(shorter))


def _named(jobs: Iterable[str]) -> dict[str, str]:
    """Jobs by a name of lower-case letters, digits and dashes, as OpenSLO requires (RFC 1123)."""
    named: dict[str, str] = {}
    for job in dict.fromkeys(jobs):
        name = _NO_NAME.sub("-", job.lower())[:_MAX_NAME].strip("-") or "outbox"
        named[name if name not in named else f"{name}-{len(named) + 1}"] = job
    return named


def _outbox(name: str, job: str, objective: Objective, rates: tuple[BurnRate, ...]) -> Iterator[_Document]:
    policies = {f"{name}-latency-{rate.window}": rate for rate in rates}
    yield _document("Service", name, job, {"description": f"The transactional outbox of scrape job {job}."})
    yield _document("SLI", f"{name}-latency", "Processing time", _indicator(job, objective))
    for policy, rate in policies.items():
        yield _document("AlertCondition", policy, rate.rule.key.alert, _condition(rate))
        yield _document("AlertPolicy", policy, rate.rule.key.alert, _policy(policy, rate))
    yield _document("SLO", f"{name}-latency", "Latency", _objective(name, objective, policies))


def _document(kind: str, name: str, shown: str, spec: _Document) -> _Document:
    return {"apiVersion": _VERSION, "kind": kind, "metadata": {"name": name, "displayName": shown}, "spec": spec}


def _indicator(job: str, objective: Objective) -> _Document:
    time = format_duration(objective.time)
    return {
        "description": f"Jobs processed within {time} of their creation. A job that is never processed is in neither "
        "number: the alerts about pending jobs cover it.",
        "ratioMetric": {
            "counter": True,
            "good": _source(job, bucket_label(least_bound(objective.time))),
            "total": _source(job, bucket_label(math.inf)),
        },
    }


def _source(job: str, bucket: str) -> _Document:
    query = f'{PROCESSING_TIME.name}_bucket{{job="{job}",le="{bucket}"}}'
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _condition(rate: BurnRate) -> _Document:
    shorter = " and ".join(rate.shorter)
    return {
        "description": f"{rate.factor:g} times the error budget in {rate.window}; the rule also requires it in "
        f"{shorter}, and ten slow jobs. Source: {rate.rule.source}.",
        "severity": str(rate.rule.key.severity),
        "condition": {
            "kind": "burnrate",
            "op": "gt",
            "threshold": rate.factor,
            "lookbackWindow": rate.window,
            "alertAfter": f"{math.ceil(rate.rule.hold_duration / 60)}m",
        },
    }


def _policy(condition: str, rate: BurnRate) -> _Document:
    return {
        "description": rate.rule.summary,
        "alertWhenNoData": False,
        "alertWhenResolved": True,
        "alertWhenBreaching": True,
        "conditions": [{"conditionRef": condition}],
        "notificationTargets": [{"targetRef": _TARGET}],
    }


def _objective(name: str, objective: Objective, policies: Iterable[str]) -> _Document:
    return {
        "description": f"Source: {' '.join(objective.source.split())}.",
        "service": name,
        "indicatorRef": f"{name}-latency",
        "timeWindow": [{"duration": format_duration(objective.window), "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [
            {"displayName": f"processed within {format_duration(objective.time)}", "target": objective.target}
        ],
        "alertPolicies": [{"alertPolicyRef": policy} for policy in policies],
    }


def _target() -> _Document:
    description = "Routes alerts by their label severity."
    return _document(
        "AlertNotificationTarget", _TARGET, "Alertmanager", {"description": description, "target": _TARGET}
    )
