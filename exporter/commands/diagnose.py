"""`diagnose`: gathers evidence about an alert, read-only, and names the branch of its runbook that it leads to."""

import argparse
from contextlib import closing

from alerts.diagnosis import output as rendering
from alerts.diagnosis.diagnose import diagnose as follow
from alerts.diagnosis.sources import Sources, Targets
from alerts.diagnosis.tree import load as load_tree
from alerts.evaluation.state_file import StateFile, StateFileError
from alerts.model import Policy, State
from alerts.policy.load import configured_policy
from exporter.collectors import Collector
from exporter.collectors.migration import MigrationCollector
from exporter.commands.database_configuration import load
from exporter.config.settings import Config
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.problems import nearest
from exporter.metrics.readings import CollectorFailure
from exporter.outbox.mapping import DEFAULT
from exporter.sampling.collector_set import CollectorSet
from exporter.sampling.run import run_once


def diagnose(options: argparse.Namespace) -> ExitStatus:
    """BAD when a cause was found, UNKNOWN when none was and something could not be checked. Raises: ConfigError."""
    config = load(options)
    policy = configured_policy(config)
    alert = known_alert(options.alert, config, policy)
    sampling = CollectorSet(config)
    with closing(sampling.database) as database:
        database.open()
        targets = Targets(config, policy, database, lambda: _failures(sampling))
        found = follow(Sources(alert, targets), load_tree())
    output.write(rendering.as_json(found) if options.format == "json" else rendering.as_text(found))
    return rendering.exit_status(found)


def known_alert(name: str | None, config: Config, policy: Policy) -> str:
    """The name of an alert. Raises: ConfigError for an unknown or missing one; the message names those that fire."""
    names = tuple(dict.fromkeys(rule.key.alert for rule in policy.rules))
    if name in names:
        return name
    wrong = f"unknown alert {name}{nearest(name, names, 'Outbox')}" if name else "name an alert"
    firing = _firing(config)
    known = f"firing now: {', '.join(firing)}" if firing else f"alerts: {', '.join(names)}"
    raise ConfigError((f"{wrong}; {known}",))


def _firing(config: Config) -> tuple[str, ...]:
    """The alerts that fired when the exporter saved its state last, without the watchdog."""
    try:
        saved = StateFile(config.watch.state_dir).peek()
    except StateFileError:
        return ()
    active = saved.active_alerts.values() if saved else ()
    firing = {each.alert.key.alert for each in active if each.alert.state is State.FIRING}
    return tuple(sorted(firing - {"OutboxWatchdog"}))


def _failures(sampling: CollectorSet) -> list[tuple[str, tuple[CollectorFailure, ...]]]:
    """One run of each collector of the database, now."""
    collectors: tuple[Collector, ...] = sampling.database_collectors
    if sampling.mapping == DEFAULT:
        collectors += (MigrationCollector(sampling.database),)
    return [(each.name, run_once(each).outcome.failures) for each in collectors]
