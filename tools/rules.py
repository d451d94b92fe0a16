"""The rule files of the shipped policy; `make generate` writes them."""

from collections.abc import Mapping
from pathlib import Path

from alerts.policy.expressions import Dialect
from alerts.policy.grafana_file import grafana_rules
from alerts.policy.load import load_policy
from alerts.policy.rule_file import prometheus_rule, rule_file, vm_rule

ROOT = Path(__file__).parent.parent
ALERTS = ROOT / "alerts"
# kustomize reads no file outside of its directory.
COMPONENT = ROOT / "examples" / "kubernetes" / "prometheus-operator"


def files() -> Mapping[Path, str]:
    """The text of each rule file, by path."""
    policy = load_policy()
    return {
        ALERTS / "prometheus" / "outbox.rules.yaml": rule_file(policy),
        ALERTS / "prometheus" / "outbox.prometheusrule.yaml": prometheus_rule(policy),
        COMPONENT / "prometheusrule.yaml": prometheus_rule(policy),
        ALERTS / "victoriametrics" / "outbox.vmrule.yaml": vm_rule(load_policy(dialect=Dialect.METRICSQL)),
        ALERTS / "grafana" / "outbox.alerting.yaml": grafana_rules(policy),
    }
