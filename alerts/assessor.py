"""From one scrape after another to how alerts stand: memory, expressions and the state machine joined. No I/O."""

import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from alerts.clock import Look
from alerts.evaluator import Moment, Standings, evaluate
from alerts.findings import Failure, Questions
from alerts.model import Evaluation, Policy, RuleKey
from alerts.promql.memory import Sample
from alerts.statefile import Kept

# Time in which nobody looked says nothing: after so many intervals, as for samples.
LIFE = 3
# How often what nobody looks back on any more is dropped, seconds.
FORGET_EVERY = 60.0


class Assessor:
    """Judges by one policy. Not safe for several threads at once.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has more in it than we can evaluate.
    """

    def __init__(self, policy: Policy) -> None:
        self._questions = Questions(policy)
        self._longest = LIFE * policy.interval
        self._memory = self._questions.memory
        self._forgot_at = -math.inf
        self._standings: Standings = {}
        self.failures: tuple[Failure, ...] = ()

    @property
    def rules(self) -> tuple[RuleKey, ...]:
        """The rules that are evaluated here."""
        return tuple(prepared.rule.key for prepared in self._questions.rules)

    def wants(self, metric: str) -> bool:
        """Whether samples of this metric matter."""
        return self._memory.wants(metric)

    def assess(self, look: Look, samples: Iterable[Sample], fresh: AbstractSet[str] | None) -> Evaluation:
        """Judge by these samples, scraped now. `fresh` names the collectors with fresh results; None: not known yet.

        `failures` says afterwards which expressions could not be evaluated; their rules are unknown.
        """
        if look.stepped:
            self._memory.shift(look.stepped)
        self._memory.append(look.at, samples)
        if not 0 <= look.at - self._forgot_at < FORGET_EVERY:
            self._memory.forget()
            self._forgot_at = look.at
        findings, self.failures = self._questions.ask(look, fresh or frozenset())
        if fresh is None:
            findings = replace(findings, rules={})
        moment = Moment(look.at, min(look.elapsed, self._longest))
        evaluation, self._standings = evaluate(self._questions.rules, findings, self._standings, moment)
        return evaluation

    def keep(self, at: float) -> Kept:
        """What has to be carried over a restart."""
        return Kept(at, self._standings, tuple(self._memory.series()))

    def restore(self, kept: Kept, now: float) -> None:
        """Take up what was kept. What lies in the future was kept by a clock that was set since: it was just now."""
        for series in kept.series:
            self._memory.restore(series)
        if kept.at >= now:
            self._memory.shift(now - kept.at - self._longest / LIFE)
        self._memory.forget()
        self._standings = kept.standings
