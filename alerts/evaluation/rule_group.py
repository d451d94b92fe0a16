"""A rule group: stores the samples of each scrape, evaluates the compiled rules, updates the alerts. No I/O."""

import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.compiled_rules import CompiledRules, EvaluationFailure
from alerts.evaluation.state_file import SavedState
from alerts.evaluation.state_machine import ActiveAlerts, EvaluationTime, update_alerts
from alerts.model import Evaluation, Policy, RuleKey
from alerts.promql.storage import Sample

# An evaluation is out of date after so many intervals, as a sample is.
LIFE = 3
# How often samples beyond the retention are dropped, seconds.
TRUNCATE_INTERVAL = 60.0


class RuleGroup:
    """The signals and rules of one policy, with their samples and alerts. Not safe for several threads at once.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has an expression or a text that is
    not supported here.
    """

    def __init__(self, policy: Policy) -> None:
        self._compiled_rules = CompiledRules(policy)
        self._interval = policy.interval
        self._storage = self._compiled_rules.storage
        self._truncated_at = -math.inf
        self._active_alerts: ActiveAlerts = {}
        self.failures: tuple[EvaluationFailure, ...] = ()

    @property
    def rules(self) -> tuple[RuleKey, ...]:
        """The rules that are evaluated here."""
        return tuple(each.rule.key for each in self._compiled_rules.rules)

    def stores(self, metric: str) -> bool:
        """Whether samples of this metric are used."""
        return self._storage.stores(metric)

    def evaluate(self, now: ClockReading, samples: Iterable[Sample], fresh: AbstractSet[str] | None) -> Evaluation:
        """Store these samples, scraped now, and evaluate the rules.

        `fresh` names the collectors with fresh results; None, while that is not known yet, makes all rules unknown.
        Afterwards `failures` has the expressions that failed; their rules are unknown.
        """
        if now.stepped:
            self._storage.shift(now.stepped)
        self._storage.append(now.at, samples)
        if not 0 <= now.at - self._truncated_at < TRUNCATE_INTERVAL:
            self._storage.truncate()
            self._truncated_at = now.at
        results, self.failures = self._compiled_rules.evaluate(now, frozenset(fresh or ()))
        if fresh is None:
            results = replace(results, rules={})
        # Time without evaluations does not count towards durations.
        time = EvaluationTime(now.at, min(now.elapsed, LIFE * self._interval))
        evaluation, self._active_alerts = update_alerts(self._compiled_rules.rules, results, self._active_alerts, time)
        return evaluation

    def state(self, at: float) -> SavedState:
        """The state to keep over a restart; `at` is the current time, Unix seconds."""
        return SavedState(at, self._active_alerts, tuple(self._storage.series()))

    def restore(self, saved_state: SavedState, now: float) -> None:
        """Continue from a saved state. `now` is the current time, Unix seconds.

        A state from the future was saved before the clock was set back: it is taken to be one interval old.
        """
        for series in saved_state.series:
            self._storage.restore(series)
        if saved_state.at >= now:
            self._storage.shift(now - saved_state.at - self._interval)
        self._storage.truncate()
        self._active_alerts = saved_state.active_alerts
