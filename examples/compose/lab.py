"""Runs the lab until SIGTERM on fixed loopback ports: PostgreSQL on 5432, the application on 4000.

The monitoring role is created as for a real database. FAULT names a fault that is injected at the start.
"""

import os
import signal
from importlib import resources

from exporter.lab.lab import Lab, LabPlan
from exporter.lab.postgres.cluster import Cluster

DATABASE_PORT = int(os.environ.get("DATABASE_PORT", "5432"))
APPLICATION_PORT = int(os.environ.get("APPLICATION_PORT", "4000"))


def make_role(lab: Lab) -> None:
    """Create the exporter's role with the setup script."""
    lab.execute(resources.files("exporter").joinpath("sql", "setup", "monitoring_role.sql").read_text("utf-8"))


def main() -> None:
    """Run it."""
    # Before any thread starts, so that the signal waits for sigwait.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    cluster = Cluster.embedded()
    cluster.port = DATABASE_PORT
    lab = Lab(LabPlan(fault=os.environ.get("FAULT") or None), prepare=make_role, cluster=cluster)
    lab.application.port = APPLICATION_PORT
    with lab:
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
