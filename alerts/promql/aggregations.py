"""The aggregation operators."""

import math
from collections.abc import Callable, Mapping

from alerts.model import Labels
from alerts.promql.syntax_tree import Grouping
from alerts.promql.vectors import Vector, greatest, least, mean, quantile, total, variance

# Functions of the values of one group, at least one value, and of the parameter where there is one.
AGGREGATIONS: Mapping[str, Callable[..., float]] = {
    "sum": total,
    "min": least,
    "max": greatest,
    "avg": mean,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
    "quantile": lambda values, phi: quantile(phi, values),
}


def aggregate(operator: str, vector: Vector, grouping: Grouping, *parameters: float) -> Vector:
    """One value per group, by the labels of the group."""
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(grouping.key(labels), []).append(value)
    function = AGGREGATIONS[operator]
    return {labels: function(values, *parameters) for labels, values in groups.items()}
