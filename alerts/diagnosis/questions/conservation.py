"""Were jobs removed, miscounted or processed twice within an hour?"""

from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from exporter.core.humanize import count
from exporter.metrics.catalogue import UNACCOUNTED_JOBS

# Seconds, as in the rule.
_WINDOW: Final = 3600.0


class Answer(StrEnum):
    """The kind of which there are most."""

    NONE = "none"
    REMOVED = "removed"
    UNCOUNTED = "uncounted"
    DOUBLED = "doubled"


def ask(sources: Sources) -> Evidence:
    """The counters that the running exporter saved last. The ids are in its log only."""
    if lacking := sources.lacks(UNACCOUNTED_JOBS):
        return lacking
    kinds = (Answer.REMOVED, Answer.UNCOUNTED, Answer.DOUBLED)
    found = {kind: sources.increase(UNACCOUNTED_JOBS, sources.scaled(_WINDOW), kind=str(kind)) for kind in kinds}
    known = {kind: jobs for kind, jobs in found.items() if jobs is not None}
    if not known:
        return Evidence(None, "no running exporter has counted the jobs of the last hour here")
    if not any(known.values()):
        return Evidence(Answer.NONE, "each job of the last hour is accounted for")
    text = ", ".join(f"{count(jobs)} {kind}" for kind, jobs in known.items() if jobs)
    return Evidence(max(known, key=known.__getitem__), f"jobs within an hour: {text}; the exporter's log has their ids")
