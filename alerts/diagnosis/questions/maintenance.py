"""Is a maintenance declared?"""

import time
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, reason_of
from exporter.core.humanize import moment
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError, MaintenancePhase


class Answer(StrEnum):
    """OVERRUN: its declared end has passed and no one has ended it."""

    NONE = "none"
    ACTIVE = "active"
    OVERRUN = "overrun"


def ask(sources: Sources) -> Evidence:
    """Read the file of the state directory. The reason is not shown: it is free text."""
    try:
        window = MaintenanceFile(sources.config.watch.state_dir).current()
    except MaintenanceFileError as error:
        return Evidence(None, reason_of(error))
    if window is None:
        return Evidence(Answer.NONE, "no maintenance is declared")
    overrun = window.phase(time.time()) is MaintenancePhase.OVERRUN
    end = "was to end" if overrun else "ends"
    text = f"a maintenance was declared at {moment(window.started_at)}; it {end} at {moment(window.until)}"
    return Evidence(Answer.OVERRUN if overrun else Answer.ACTIVE, text)
