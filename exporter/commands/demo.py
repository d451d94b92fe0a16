"""`demo`: a complete outbox on this machine. Needs the extra `demo`, which the image leaves out."""

import argparse

from exporter.core import logs
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus

try:
    from exporter.demo.default_outbox import DefaultOutbox
    from exporter.demo.profile_outbox import ProfileOutbox
    from exporter.demo.run import Demo
except ModuleNotFoundError as error:
    raise ConfigError((f"the demo needs its extra ({error.name}): pip install 'outbox-exporter[demo]'",)) from error


def demo(options: argparse.Namespace) -> ExitStatus:
    """Bad when a signal is unknown at its end."""
    logs.configure(level="warning")
    is_default = options.profile in {None, "default"}
    outbox = DefaultOutbox() if is_default else ProfileOutbox(options.profile)
    run = Demo(outbox, options.port, options.duration, options.fault)
    return ExitStatus.GOOD if run.run() else ExitStatus.BAD
