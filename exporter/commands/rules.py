"""`rules`: the alert rules of a configuration, for the program that evaluates them."""

import argparse
from collections.abc import Callable, Mapping
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


def _grafana_rules(policy: Policy, datasource: str | None) -> str:
    # Imported now: it takes as long as all other formats together.
    write: Callable[..., str] = import_module("alerts.policy.grafana_file").grafana_rules
    return write(policy, datasource) if datasource else write(policy)


# Writes a form of the rules from the policy and the uid of Grafana's data source, if one was given.
_WRITERS: Mapping[str, Callable[[Policy, str | None], str]] = MappingProxyType(
    {
        "prometheus": lambda policy, _: rule_file(policy),
        "prometheusrule": lambda policy, _: prometheus_rule(policy),
        "vmrule": lambda policy, _: vm_rule(policy),
        "grafana": _grafana_rules,
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
    return _WRITERS[options.format](policy, options.datasource)
