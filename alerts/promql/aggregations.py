"""The aggregation operators."""

from collections.abc import Callable, Mapping

from alerts.model import Labels
from alerts.promql.syntax_tree import Grouping
from alerts.promql.vectors import Vector, greatest, least, mean, total

# Functions of the values of one group, at least one value.
AGGREGATIONS: Mapping[str, Callable[[list[float]], float]] = {
    "sum": total,
    "min": least,
    "max": greatest,
    "avg": mean,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
}


def aggregate(operator: str, vector: Vector, grouping: Grouping) -> Vector:
    """One value per group, by the labels of the group."""
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(grouping.key(labels), []).append(value)
    function = AGGREGATIONS[operator]
    return {labels: function(values) for labels, values in groups.items()}
