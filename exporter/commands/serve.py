"""`serve`: the exporter."""

import argparse

from exporter.app.run import App
from exporter.commands.database_configuration import load
from exporter.core.exit_status import ExitStatus


def serve(options: argparse.Namespace) -> ExitStatus:
    """Until SIGTERM or SIGINT."""
    App(lambda: load(options), options.config).run()
    return ExitStatus.GOOD
