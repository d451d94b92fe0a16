"""One fault and the expected states of the alert. Times are seconds from the beginning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.alerts.rules.series import SeriesByName

T: Final = 300
JOB: Final = "outbox-exporter"

# A time, and the state for each severity: "page pending, ticket firing"; empty when there is no alert.
Timeline = Mapping[float, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`value` is the value in the description at the first firing, by severity; `labels` those beside job and severity.

    `wrong` replaces series of the healthy outbox. `again`: the latest time after a restart of the exporter, in the
    middle of it, at which the alert fires; None where that does not apply.
    """

    alert: str
    name: str
    wrong: SeriesByName
    timeline: Timeline
    value: str | Mapping[str, str] = ""
    labels: Mapping[str, str] = field(default_factory=lambda: {"job": JOB})
    again: float | None = None

    @property
    def length(self) -> float:
        """Seconds."""
        return max(self.timeline)

    @property
    def begins(self) -> float:
        """When it is first pending or firing; infinite when never."""
        return next((time for time, stands in self.timeline.items() if stands), math.inf)

    @property
    def fires_at(self) -> float | None:
        """When it first fires."""
        return next((time for time, stands in self.timeline.items() if "firing" in stands), None)


def fires(at: float, hold: float, severity: str = "page", until: float = 0, keep: float = 0) -> Timeline:
    """True from `at` until `until`: pending, firing after `hold`, kept for `keep`, gone."""
    timeline = {at - 15: ""}
    if hold:
        timeline |= {at: f"{severity} pending", at + hold - 15: f"{severity} pending"}
    timeline |= {at + hold: f"{severity} firing", until - 15: f"{severity} firing"}
    if keep:
        timeline[until + keep - 15] = f"{severity} firing"
    return timeline | {until + keep: ""}


def never(*times: float) -> Timeline:
    """Not even pending."""
    return dict.fromkeys(times, "")
