"""`rules`: prints the alert rules of a configuration for the program that evaluates them."""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from alerts.model import Policy
from alerts.policy.expressions import Dialect
from alerts.policy.grafana_file import DATASOURCE, grafana_rules
from alerts.policy.load import configured_policy
from alerts.policy.rule_file import prometheus_rule, rule_file, vm_rule
from exporter.config.settings import JOB_NAME, Config
from exporter.config.values import argument
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus


@dataclass(frozen=True, slots=True)
class _Format:
    """A form of the rules. `write` takes the policy and the uid of Grafana's data source."""

    meaning: str
    write: Callable[[Policy, str], str]
    dialect: Dialect = Dialect.PROMQL


FORMATS: Final[Mapping[str, _Format]] = MappingProxyType(
    {
        "prometheus": _Format("a rule file, also for vmalert, Mimir and Thanos", lambda policy, _: rule_file(policy)),
        "prometheusrule": _Format("for the Prometheus operator", lambda policy, _: prometheus_rule(policy)),
        "vmrule": _Format("for the VictoriaMetrics operator", lambda policy, _: vm_rule(policy), Dialect.METRICSQL),
        "grafana": _Format("a provisioning file of Grafana's alerting", grafana_rules),
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="prometheus",
        help="; ".join(f"{name}: {form.meaning}" for name, form in FORMATS.items()),
    )
    parser.add_argument(
        "--job",
        action="append",
        type=argument(_job),
        default=[],
        metavar="NAME",
        help="scrape job of an outbox, instead of alerting.job; repeat it for several outboxes",
    )
    parser.add_argument(
        "--datasource", metavar="UID", help=f"Grafana's data source, with --format grafana (default: {DATASOURCE})"
    )


def run(options: argparse.Namespace, config: Config, write: Callable[[str], None]) -> ExitStatus:
    """`rules`: needs neither the database nor Prometheus. Raises: ConfigError."""
    if options.datasource is not None and options.format != "grafana":
        raise ConfigError(("--datasource: only --format grafana names a data source",))
    form = FORMATS[options.format]
    policy = configured_policy(config, jobs=options.job, dialect=form.dialect)
    write(form.write(policy, options.datasource or DATASOURCE))
    return ExitStatus.GOOD


def _job(text: str) -> str:
    """The name of a scrape job. Raises: ValueError."""
    if not re.fullmatch(JOB_NAME.regex, text):
        raise ValueError(f"expected {JOB_NAME.meaning}")
    return text
