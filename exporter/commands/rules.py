"""`rules`: the Prometheus rules of a configuration."""

import argparse

from alerts.policy import rule_file
from alerts.policy.load import configured_policy
from exporter.commands.configuration import load
from exporter.core import output
from exporter.core.exit_status import ExitStatus


def rules(options: argparse.Namespace) -> ExitStatus:
    """Needs neither the database nor Prometheus."""
    policy = configured_policy(load(options))
    write = rule_file.prometheus_rule if options.format == "prometheusrule" else rule_file.rule_file
    output.write(write(policy))
    return ExitStatus.GOOD
