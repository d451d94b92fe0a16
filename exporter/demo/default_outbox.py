"""The default tables: jobs go through the RPC of the migration, an application serves its metrics endpoints."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Final

from exporter.demo.configuration import configuration
from exporter.demo.outbox import ROLE, RunningOutbox
from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan
from exporter.outbox.mapping import DEFAULT

# Seconds. The deployed processor polls every 30 s when idle, here the next job comes sooner.
_MAX_POLL_INTERVAL: Final = 4.0
_SETUP: Final = "monitoring_role.sql"


class DefaultOutbox:
    """The lab of the default tables."""

    title = "the default tables"
    parts = "the migrations, traffic, a processor and an application"
    mapping = DEFAULT

    def __init__(self) -> None:
        self.faults: Mapping[str, str] = {name: fault.description for name, fault in FAULTS.items()}

    @contextmanager
    def running(self, port: int, fault: str | None) -> Iterator[RunningOutbox]:
        """Run the lab."""
        with Lab(LabPlan(max_poll_interval=_MAX_POLL_INTERVAL, fault=fault), prepare=_make_role) as lab:
            dsn = lab.cluster.dsn(user=ROLE)
            directory, application = lab.cluster.directory, lab.application_url
            yield RunningOutbox(lambda: configuration(dsn, directory, port, application=application))


def _make_role(lab: Lab) -> None:
    lab.execute(resources.files("exporter").joinpath("sql", "setup", _SETUP).read_text("utf-8"))
