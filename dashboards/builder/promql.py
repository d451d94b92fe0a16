"""PromQL for panels. Every selector has the jobs and instances that are selected on the dashboard.

The policy's signals are written out in full, so that lines and thresholds are of the same expressions, and recording
rules need not be loaded.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from alerts.model import Policy
from alerts.policy.inline import SELECTOR, Inlining
from exporter.metrics.catalogue import COLLECTOR_LAST_SUCCESS, Metric

SELECTED_JOB = 'job=~"$job"'
SELECTED = f'{SELECTED_JOB},instance=~"$instance"'
# A metric of the client library.
PROCESS_START = "process_start_time_seconds"

_JOB = re.compile(r'\bjob="[^"]*",?')
_RATE = re.compile(r"\brate\(([^()]*)\[(\w+)\]( offset \w+)?\)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def pick(metric: Metric | str, *matchers: str, suffix: str = "") -> str:
    """A selector of the selected series; `suffix` such as `_bucket` for a part of a histogram."""
    name = metric if isinstance(metric, str) else metric.name
    return f"{name}{suffix}{{{','.join((SELECTED, *matchers))}}}"


def one(expression: str, *without: str) -> str:
    """One value per outbox: the highest of its replicas. `without` removes further labels."""
    return f"max without ({', '.join(('instance', 'pod', *without))}) ({expression})"


def minutes(expression: str) -> str:
    """Minutes from seconds: an axis of seconds has ticks such as 16.7 minutes."""
    return f"({expression}) / 60"


def age(metric: Metric, *matchers: str, without: tuple[str, ...] = ()) -> str:
    """The seconds since the earliest of these times."""
    return f"time() - min without ({', '.join(('instance', 'pod', *without))}) ({pick(metric, *matchers)})"


def age_when_sampled(metric: Metric) -> str:
    """The seconds since the earliest of these times, when they were sampled, as in the policy's signals.

    Until the next sample, a job that was processed meanwhile does not grow old.
    """
    sampled = pick(COLLECTOR_LAST_SUCCESS, f'collector="{metric.collector}"')
    return one(f"{sampled} - ignoring ({', '.join(('collector', *metric.labels))}) group_right () {pick(metric)}")


def per_minute(counter: Metric | str, *matchers: str, suffix: str = "") -> str:
    """The increase of a counter per minute."""
    return f"60 * {one(f'rate({pick(counter, *matchers, suffix=suffix)}[$__rate_interval])')}"


def while_counted(ratio: str, counter: str) -> str:
    """A ratio over a window, as long as its counter is there now; -1 where nothing was counted in the window.

    Without that condition, the ratio would outlast its counter by the window.
    """
    there = f"max without (instance, pod, result) ({counter})"
    return f"(({ratio}) and {there}) >= 0 or 0 * {there} - 1"


def worst(expression: str, *, least: bool = False) -> str:
    """One number for all selected outboxes, the highest or the lowest; NaN while nothing is known."""
    return f"{'min' if least else 'max'}({expression}) or vector(NaN)"


@dataclass(frozen=True)
class PolicySignals:
    """The policy's signals as PromQL for the selected series."""

    policy: Policy

    def __call__(self, record: str) -> str:
        """The expression of a signal. Raises: KeyError when there is none."""
        return f"({_only_increases(_select_all(Inlining(self.policy).signal(record)))})"


@dataclass(frozen=True)
class PanelGroup:
    """Panels of a policy's signals and thresholds."""

    policy: Policy

    @cached_property
    def signal(self) -> PolicySignals:
        """The policy's signals as PromQL."""
        return PolicySignals(self.policy)

    @property
    def runbooks(self) -> str:
        """The URL of the runbooks, by the policy."""
        rule = self.policy.rules[0]
        return rule.runbook_url.removesuffix(f"/{rule.key.alert}.md")


def _select_all(expression: str) -> str:
    """The expression of the selected series. It replaces the policy's job, as the dashboard may show others."""

    def selected(found: re.Match[str]) -> str:
        others = _JOB.sub("", found[2] or "").rstrip(",")
        return pick(found[1], *((others,) if others else ()))

    return SELECTOR.sub(selected, expression)


def _only_increases(expression: str) -> str:
    """Write rates as increases: Grafana's users expect the range of a rate to follow the width of a panel."""
    return _RATE.sub(
        lambda found: f"(increase({found[1]}[{found[2]}]{found[3] or ''}) / {_seconds(found[2]):g})", expression
    )


def _seconds(duration: str) -> float:
    parts = re.findall(r"(\d+)(ms|[smhdw])", duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
