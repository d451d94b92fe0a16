"""The Prometheus rule files of the shipped policy; `make generate` writes them."""

from collections.abc import Mapping
from pathlib import Path

from alerts.policy.load import load_policy
from alerts.policy.rule_file import prometheus_rule, rule_file

DIRECTORY = Path(__file__).parent.parent / "alerts" / "prometheus"


def files() -> Mapping[Path, str]:
    """The text of each rule file, by path."""
    policy = load_policy()
    return {
        DIRECTORY / "outbox.rules.yaml": rule_file(policy),
        DIRECTORY / "outbox.prometheusrule.yaml": prometheus_rule(policy),
    }
