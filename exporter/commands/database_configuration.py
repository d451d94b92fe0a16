"""The configuration of a command that connects to the database: its connection string is checked by libpq."""

import argparse
import os

from exporter.commands import configuration
from exporter.config.settings import Config
from exporter.core import logs
from exporter.core.errors import ConfigError
from exporter.database import dsn_problem, passwords, variables_problem


def load(options: argparse.Namespace) -> Config:
    """As `configuration.load`, with the connection string and libpq's variables checked. Raises: ConfigError."""
    config = configuration.load(options, dsn_problem)
    dsn = config.database.dsn.latest
    logs.configure((*passwords(dsn), os.environ.get("PGPASSWORD", "")), level=config.log.level, style=config.log.format)
    if wrong := variables_problem(dsn):
        raise ConfigError((wrong,))
    return config
