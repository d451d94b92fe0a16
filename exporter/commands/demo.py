"""`demo`: a complete outbox on this machine. Needs the extra `demo`, which the image leaves out."""

import argparse

from exporter.core import logs
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus

try:
    from exporter.demo import Demo
except ModuleNotFoundError as error:
    raise ConfigError((f"the demo needs its extra ({error.name}): pip install 'outbox-exporter[demo]'",)) from error


def demo(options: argparse.Namespace) -> ExitStatus:
    """Bad when a signal is unknown at its end."""
    logs.configure(level="warning")
    return ExitStatus.GOOD if Demo(options.port, options.duration, options.fault).run() else ExitStatus.BAD
