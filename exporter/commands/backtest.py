"""`rules backtest`: which alerts would have fired over the exporter's own history.

Exit status: 0 done, 3 there is no history of the time asked for.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from alerts.backtest import report
from alerts.backtest.backtest import Backtest, backtest, with_proposals
from alerts.backtest.model import Replayed
from alerts.backtest.thresholds import Proposal
from alerts.model import Policy
from alerts.policy.load import configured_policy
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryUnavailable
from exporter.commands.configuration import load
from exporter.commands.watch import result
from exporter.config.settings import Amount, Config, Override
from exporter.config.values import format_duration
from exporter.core import output
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe

# Seconds of history before the time asked for, which fill the windows of the first rules. No more is kept with a week.
_BEFORE = 86400.0


def run(options: argparse.Namespace) -> ExitStatus:
    """Replay the history and print the alerts."""
    return result(lambda: _run(options, load(options)))


def _run(options: argparse.Namespace, config: Config) -> ExitStatus:
    now, policy = time.time(), configured_policy(config)

    def replay(policy: Policy) -> tuple[Backtest, Replayed]:
        return _replay(config.watch.state_dir.absolute(), policy, now - options.since, now)

    found, replayed = replay(policy)
    if options.pages_per_week is not None:
        again = _replay_with(config, replay)
        found = with_proposals(found, replayed, policy, options.pages_per_week, again)
    if options.format == "json":
        output.write(json.dumps(json_safe(report.document(found)), indent=2, allow_nan=False) + "\n")
    else:
        output.write(report.text(found, policy))
    return ExitStatus.GOOD


def _replay(directory: Path, policy: Policy, start: float, end: float) -> tuple[Backtest, Replayed]:
    """Raises: HistoryError, also when the history has no samples of that time."""
    with History.reader(directory) as opened:
        found = backtest(policy, opened.samples(start - _BEFORE), start, end)
    if found is None:
        raise HistoryUnavailable(
            f"{directory} has no samples of the last {format_duration(end - start)}: they are recorded while the "
            "exporter runs and the directory is writable"
        )
    return found


def _replay_with(
    config: Config, replay: Callable[[Policy], tuple[Backtest, Replayed]]
) -> Callable[[Sequence[Proposal]], Backtest]:
    """A replay with proposed thresholds in place of the configured ones."""

    def again(proposals: Sequence[Proposal]) -> Backtest:
        return replay(configured_policy(_overridden(config, proposals)))[0]

    return again


def _overridden(config: Config, proposals: Sequence[Proposal]) -> Config:
    configured = {(each.alert, each.severity): each for each in config.alerting.thresholds}
    for each in proposals:
        key = each.rule.alert, each.rule.severity.value
        is_time = each.unit == "seconds"
        value = each.proposed / config.alerting.time_scale if is_time else each.proposed
        configured[key] = replace(configured.get(key, Override(*key)), threshold=Amount(value, is_time=is_time))
    return replace(config, alerting=replace(config.alerting, thresholds=tuple(configured.values())))
