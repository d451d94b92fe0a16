"""The states of one rule's alerts over many evaluations, as Prometheus' rule manager derives them.

Unlike in the exporter's own evaluation, an alert whose series disappear is resolved.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.backtest.model import Firing
from alerts.model import Labels, Rule
from alerts.promql.storage import milliseconds


@dataclass(slots=True)
class _Active:
    """A pending or firing alert. Units: Unix milliseconds."""

    since: int
    firing_since: int | None = None
    false_since: int | None = None


@dataclass(slots=True)
class AlertStates:
    """The alerts of one rule. Evaluations are added in the order of time."""

    rule: Rule
    _active: dict[Labels, _Active] = field(default_factory=dict)

    def add(self, times: Sequence[int], present: Mapping[Labels, Sequence[bool]]) -> Iterator[Firing]:
        """Add evaluations: whether the expression has a sample with these labels, at each time. Yields ended alerts."""
        nothing = [False] * len(times)
        for labels in (*present, *(self._active.keys() - present.keys())):
            yield from self._advance(labels, zip(times, present.get(labels, nothing), strict=True))

    def end(self, at: int) -> Iterator[Firing]:
        """The alerts that still fire at the end."""
        for labels, active in self._active.items():
            if active.firing_since is not None:
                yield Firing(self.rule.key, labels, active.firing_since, at, open=True)
        self._active.clear()

    def _advance(self, labels: Labels, evaluations: Iterable[tuple[int, bool]]) -> Iterator[Firing]:
        hold, keep = milliseconds(self.rule.hold_duration), milliseconds(self.rule.keep_firing_for)
        active = self._active.pop(labels, None)
        for at, is_true in evaluations:
            if is_true:
                active = active or _Active(at)
                active.false_since = None
                if active.firing_since is None and at - active.since >= hold:
                    active.firing_since = at
            elif active is not None and active.firing_since is None:
                active = None
            elif active is not None and active.firing_since is not None:
                active.false_since = at if active.false_since is None else active.false_since
                if at - active.false_since >= keep:
                    yield Firing(self.rule.key, labels, active.firing_since, at)
                    active = None
        if active is not None:
            self._active[labels] = active
