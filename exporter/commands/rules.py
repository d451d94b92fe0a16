"""`rules`: the alert rules of a configuration, for the program that evaluates them."""

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType

from alerts.model import Policy
from alerts.policy.expressions import Dialect
from alerts.policy.grafana_file import DATASOURCE, grafana_rules
from alerts.policy.load import configured_policy
from alerts.policy.rule_file import prometheus_rule, rule_file, vm_rule
from exporter.commands.configuration import load
from exporter.config.settings import Config
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus

# Writes a form of the rules from the policy and the uid of Grafana's data source.
_WRITERS: Mapping[str, Callable[[Policy, str], str]] = MappingProxyType(
    {
        "prometheus": lambda policy, _: rule_file(policy),
        "prometheusrule": lambda policy, _: prometheus_rule(policy),
        "vmrule": lambda policy, _: vm_rule(policy),
        "grafana": grafana_rules,
    }
)


def rules(options: argparse.Namespace) -> ExitStatus:
    """Needs neither the database nor Prometheus."""
    output.write(text(options, load(options)))
    return ExitStatus.GOOD


def text(options: argparse.Namespace, config: Config) -> str:
    """The rules in the form of the options. Raises: ConfigError."""
    if options.datasource is not None and options.format != "grafana":
        raise ConfigError(("--datasource: only --format grafana names a data source",))
    dialect = Dialect.METRICSQL if options.format == "vmrule" else Dialect.PROMQL
    policy = configured_policy(config, jobs=options.job, dialect=dialect)
    return _WRITERS[options.format](policy, options.datasource or DATASOURCE)
