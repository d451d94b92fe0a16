"""`dashboards`: the Grafana dashboards for this configuration, without panels that its outbox has no values for."""

import argparse
import sys

from alerts.policy.load import configured_policy
from dashboards.configured import configured
from exporter.commands.configuration import load
from exporter.commands.files import write
from exporter.core.exit_status import ExitStatus


def dashboards(options: argparse.Namespace) -> ExitStatus:
    """Write them below a directory, and name what is left out on standard error. Raises: ConfigError."""
    made = tuple(configured(configured_policy(load(options))))
    write({options.directory / each.name: each.text for each in made}, force=options.force)
    for each in made:
        for reason, titles in each.left_out.items():
            print(f"{each.name}: left out ({reason}): {', '.join(titles)}", file=sys.stderr)
    return ExitStatus.GOOD
