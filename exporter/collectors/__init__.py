"""Collectors, one subject per file. A collector samples its target once and returns readings and failures."""

from typing import Protocol

from exporter.metrics.readings import CollectorOutcome


class Collector(Protocol):
    """Samples one target.

    `collect` keeps its own deadlines, so it always returns or raises within them. It raises `SampleError` when
    no value is reliable; any other exception is a bug and is counted as `internal`.
    """

    @property
    def name(self) -> str:
        """The value of the label `collector`."""

    def collect(self) -> CollectorOutcome:
        """One sample, now."""
