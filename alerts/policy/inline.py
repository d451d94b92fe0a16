"""Writes expressions out in full, without signals: for programs that have no recording rules."""

import re
from dataclasses import dataclass
from functools import cached_property

from alerts.model import Policy, Signal
from exporter.metrics.catalogue import CATALOGUE, Kind

# Metrics of the client library that a policy uses.
FOREIGN = ("process_start_time_seconds",)

_SIGNAL = re.compile(r"\b(?P<record>outbox:\w+(?::\w+)*)(?:\[(?P<window>\w+)\]| offset (?P<offset>\w+))?")
_SHIFTED = re.compile(r"\boffset\b|\[\w+:")


def _known() -> re.Pattern[str]:
    parts = ("_bucket", "_count", "_sum")
    names = [metric.name for metric in CATALOGUE]
    names += [metric.name + part for metric in CATALOGUE if metric.kind is Kind.HISTOGRAM for part in parts]
    return re.compile(rf"\b({'|'.join((*names, *FOREIGN))})\b(?:{{([^{{}}]*)}})?")


# A selector without its range: the metric and its matchers.
SELECTOR = _known()
_RANGE_SELECTOR = re.compile(rf"{SELECTOR.pattern}(?:\[\w+\])?")


@dataclass(frozen=True)
class Inlining:
    """A policy's expressions with the expression of each signal in its place."""

    policy: Policy

    def signal(self, record: str) -> str:
        """The expression of a signal. Raises: KeyError when there is none."""
        return self.inlined(self._signals[record].expr)

    def inlined(self, expr: str) -> str:
        """The expression without signals. Raises: KeyError for an unknown one."""
        return _SIGNAL.sub(self._in_full, expr)

    @cached_property
    def _signals(self) -> dict[str, Signal]:
        return {signal.record: signal for signal in self.policy.signals}

    def _in_full(self, found: re.Match[str]) -> str:
        """A signal's expression; a range of its samples becomes a subquery with the evaluation interval as its step."""
        expression = f"({self.signal(found['record'])})"
        if found["offset"]:
            return _earlier(expression, found["offset"])
        return f"{expression}[{found['window']}:{self.policy.interval * 1000:.0f}ms]" if found["window"] else expression


def _earlier(expression: str, offset: str) -> str:
    """The expression as it was so much earlier, by shifting each selector: a subquery's steps are aligned to the clock.

    Raises: ValueError for an expression that holds an offset or a subquery itself.
    """
    if _SHIFTED.search(expression):
        raise ValueError(
            f"offset {offset} of an expression with an offset or a subquery is not written out: {expression}"
        )
    return _RANGE_SELECTOR.sub(lambda found: f"{found[0]} offset {offset}", expression)
