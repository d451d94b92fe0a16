"""What every family of panels is drawn with."""

from dataclasses import dataclass
from functools import cached_property

from alerts.model import Policy
from dashboards.promql import Judged


@dataclass(frozen=True)
class Drawing:
    """The policy whose signals and thresholds are drawn."""

    policy: Policy

    @cached_property
    def judged(self) -> Judged:
        """The policy's signals as PromQL."""
        return Judged(self.policy)

    @property
    def runbooks(self) -> str:
        """Where the policy says that they are."""
        rule = self.policy.rules[0]
        return rule.runbook_url.removesuffix(f"/{rule.key.alert}.md")
