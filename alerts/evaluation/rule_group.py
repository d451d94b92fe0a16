"""From one scrape after another to how alerts stand: memory, expressions and the state machine joined. No I/O."""

import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.compiled_rules import CompiledRules, EvaluationFailure
from alerts.evaluation.state_file import SavedState
from alerts.evaluation.state_machine import ActiveAlerts, EvaluationTime, evaluate
from alerts.model import Evaluation, Policy, RuleKey
from alerts.promql.storage import Sample

# Time in which nobody looked says nothing: after so many intervals, as for samples.
LIFE = 3
# How often what nobody looks back on any more is dropped, seconds.
TRUNCATE_INTERVAL = 60.0


class RuleGroup:
    """Judges by one policy. Not safe for several threads at once.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has more in it than we can evaluate.
    """

    def __init__(self, policy: Policy) -> None:
        self._compiled_rules = CompiledRules(policy)
        self._longest = LIFE * policy.interval
        self._storage = self._compiled_rules.memory
        self._forgot_at = -math.inf
        self._standings: ActiveAlerts = {}
        self.failures: tuple[EvaluationFailure, ...] = ()

    @property
    def rules(self) -> tuple[RuleKey, ...]:
        """The rules that are evaluated here."""
        return tuple(prepared.rule.key for prepared in self._compiled_rules.rules)

    def stores(self, metric: str) -> bool:
        """Whether samples of this metric matter."""
        return self._storage.stores(metric)

    def evaluate_samples(
        self, look: ClockReading, samples: Iterable[Sample], fresh: AbstractSet[str] | None
    ) -> Evaluation:
        """Judge by these samples, scraped now. `fresh` names the collectors with fresh results; None: not known yet.

        `failures` says afterwards which expressions could not be evaluated; their rules are unknown.
        """
        if look.stepped:
            self._storage.shift(look.stepped)
        self._storage.append(look.at, samples)
        if not 0 <= look.at - self._forgot_at < TRUNCATE_INTERVAL:
            self._storage.truncate()
            self._forgot_at = look.at
        findings, self.failures = self._compiled_rules.ask(look, fresh or frozenset())
        if fresh is None:
            findings = replace(findings, rules={})
        moment = EvaluationTime(look.at, min(look.elapsed, self._longest))
        evaluation, self._standings = evaluate(self._compiled_rules.rules, findings, self._standings, moment)
        return evaluation

    def keep(self, at: float) -> SavedState:
        """What has to be carried over a restart."""
        return SavedState(at, self._standings, tuple(self._storage.series()))

    def restore(self, saved_state: SavedState, now: float) -> None:
        """Take up what was kept. What lies in the future was kept by a clock that was set since: it was just now."""
        for series in saved_state.series:
            self._storage.restore(series)
        if saved_state.at >= now:
            self._storage.shift(now - saved_state.at - self._longest / LIFE)
        self._storage.truncate()
        self._standings = saved_state.active_alerts
