"""`check-config`: the configuration, then the targets with it."""

import argparse
from collections.abc import Iterator
from itertools import chain

from alerts.notify import probe
from alerts.policy.load import configured_policy
from exporter.app import check_config as check
from exporter.commands.database_configuration import load
from exporter.config.settings import Config
from exporter.core import output
from exporter.core.exit_status import ExitStatus


def check_config(options: argparse.Namespace) -> ExitStatus:
    """Prints each finding as soon as it is known."""
    config = load(options)
    policy = configured_policy(config)
    changed = len(config.alerting.thresholds)
    alerts = check.ConfigFinding(f"alerts: {len(policy.rules)} rules, {changed} of them changed")
    findings = []
    for finding in chain(
        (check.ConfigFinding("configuration"), alerts),
        check.machine(config),
        () if options.offline else check.targets(config),
        () if options.offline else _receivers(config),
    ):
        output.write(f"{finding}\n")
        findings.append(finding)
    return check.verdict(findings)


def _receivers(config: Config) -> Iterator[check.ConfigFinding]:
    for answer in probe.ask(config.alerting):
        kind = check.Refused if answer.answered else check.Unanswered
        what = f"receiver {answer.receiver}"
        yield (
            check.ConfigFinding(what, kind(answer.problem))
            if answer.problem
            else check.ConfigFinding(f"{what} {answer.proved}")
        )
