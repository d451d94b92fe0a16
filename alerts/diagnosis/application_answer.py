"""What the application answered to one sample."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.application.envelope import Payload
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import CollectorOutcome, Reading


@dataclass(frozen=True, slots=True)
class ApplicationAnswer:
    """The outcome of one sample of the application, and the payloads of the endpoints that answered."""

    outcome: CollectorOutcome
    payloads: Mapping[str, Payload]

    def values(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """The values of a metric by label values."""
        found = (each for each in self.outcome.readings if isinstance(each, Reading))
        return {each.labels: each.value for each in found if each.metric == metric}
