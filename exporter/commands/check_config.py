"""`check-config`: the configuration, then the targets with it."""

import argparse
from collections.abc import Iterator
from itertools import chain

from alerts.model import Policy
from alerts.notify import probe
from alerts.policy.load import configured_policy
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.checks.configured import configured_checks
from alerts.watch.model.check import MARKS
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
        _left_out(policy),
        _watch_checks(config, policy),
        check.machine(config),
        () if options.offline else check.targets(config),
        () if options.offline else _receivers(config),
    ):
        output.write(f"{finding}\n")
        findings.append(finding)
    return check.verdict(findings)


def _left_out(policy: Policy) -> Iterator[check.ConfigFinding]:
    """What the outbox cannot have, by the reason."""
    for reason, names in policy.left_out_by_reason.items():
        yield check.ConfigFinding("alerts", note=f"left out: {', '.join(names)}; {reason}")


def _watch_checks(config: Config, policy: Policy) -> Iterator[check.ConfigFinding]:
    """What the configuration makes of the watch's checks, if it has any of its own."""
    if not config.watch.checks:
        return
    parameters = CheckParameters(
        policy, config.watch.duration, config.application is not None, changes=config.watch.checks
    )
    checks = configured_checks(parameters)
    marks = ", ".join(f"{sum(mark in each.marks for each in checks)} {mark}" for mark in MARKS)
    yield check.ConfigFinding(f"watch: {len(checks)} checks, of these {marks}")
    if not any(each.decides and not each.not_applicable for each in checks):
        yield check.ConfigFinding("watch", note="no check decides, so that every watch ends INCONCLUSIVE")


def _receivers(config: Config) -> Iterator[check.ConfigFinding]:
    for answer in probe.ask(config.alerting):
        kind = check.Refused if answer.answered else check.Unanswered
        what = f"receiver {answer.receiver}"
        yield (
            check.ConfigFinding(what, kind(answer.problem))
            if answer.problem
            else check.ConfigFinding(f"{what} {answer.proved}")
        )
