"""One question per file. A collector asks its target once and answers with readings and failures."""

from typing import Protocol

from exporter.metrics.readings import CollectorOutcome


class Collector(Protocol):
    """Asks one question of one target.

    `collect` keeps its own deadlines, so it always returns or raises within them. It raises `SampleError` when
    nothing can be believed; any other exception is a bug and is counted as `internal`.
    """

    @property
    def name(self) -> str:
        """The value of the label `collector`."""

    def collect(self) -> CollectorOutcome:
        """One sample, now."""
