"""What every family of panels is drawn with."""

from dataclasses import dataclass
from functools import cached_property

from alerts.model import Policy
from dashboards.builder.promql import PolicySignals


@dataclass(frozen=True)
class PanelGroup:
    """The policy whose signals and thresholds are drawn."""

    policy: Policy

    @cached_property
    def signal(self) -> PolicySignals:
        """The policy's signals as PromQL."""
        return PolicySignals(self.policy)

    @property
    def runbooks(self) -> str:
        """Where the policy says that they are."""
        rule = self.policy.rules[0]
        return rule.runbook_url.removesuffix(f"/{rule.key.alert}.md")
