"""`rules`: the alert rules of a configuration, for the program that evaluates them."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from alerts.model import Policy
from alerts.policy.expressions import Dialect
from alerts.policy.load import configured_policy
from alerts.policy.rule_file import prometheus_rule, rule_file, vm_rule
from exporter.commands.configuration import load
from exporter.config.settings import Config
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus


# The two below are imported when they are asked for: Grafana's takes as long as the other formats together.
def _grafana_rules(policy: Policy, options: argparse.Namespace) -> str:
    write: Callable[..., str] = import_module("alerts.policy.grafana_file").grafana_rules
    return write(policy, options.datasource) if options.datasource else write(policy)


def _openslo(policy: Policy, options: argparse.Namespace) -> str:
    write: Callable[..., str] = import_module("alerts.policy.openslo_file").openslo
    return write(policy, options.job or (policy.job,))


# Writes a form of the rules from the policy and the options of the command line.
_WRITERS: Mapping[str, Callable[[Policy, argparse.Namespace], str]] = MappingProxyType(
    {
        "prometheus": lambda policy, _: rule_file(policy),
        "prometheusrule": lambda policy, _: prometheus_rule(policy),
        "vmrule": lambda policy, _: vm_rule(policy),
        "grafana": _grafana_rules,
        "openslo": _openslo,
    }
)


def rules(options: argparse.Namespace) -> ExitStatus:
    """Needs neither the database nor Prometheus. What is left out is named on standard error, too."""
    written, policy = text_and_policy(options, load(options))
    output.write(written)
    for line in left_out(policy):
        print(line, file=sys.stderr)
    return ExitStatus.GOOD


def left_out(policy: Policy) -> Iterator[str]:
    """A line for each reason for which alerts are left out."""
    alerts = {rule.key.alert for rule in policy.rules}
    for reason, names in policy.left_out_by_reason.items():
        if missing := [name for name in names if name.startswith("Outbox") and name not in alerts]:
            yield f"left out ({reason}): {', '.join(missing)}"


def text(options: argparse.Namespace, config: Config) -> str:
    """The rules in the form of the options. Raises: ConfigError."""
    return text_and_policy(options, config)[0]


def text_and_policy(options: argparse.Namespace, config: Config) -> tuple[str, Policy]:
    """The same, with the policy of the configuration. Raises: ConfigError."""
    if options.datasource is not None and options.format != "grafana":
        raise ConfigError(("--datasource: only --format grafana names a data source",))
    dialect = Dialect.METRICSQL if options.format == "vmrule" else Dialect.PROMQL
    policy = configured_policy(config, jobs=options.job, dialect=dialect)
    if options.format == "openslo" and policy.objective is None:
        reason = policy.missing("OutboxLatencyBudgetBurnFast")
        raise ConfigError((f"--format openslo: this outbox has no latency objective ({reason})",))
    return _WRITERS[options.format](policy, options), policy
