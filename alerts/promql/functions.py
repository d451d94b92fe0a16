"""Functions of single values of an instant vector, and quantiles of histograms."""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, groupby

from alerts.model import Labels
from alerts.promql.syntax_tree import LE, NAME
from alerts.promql.vectors import Vector, collect, divide, value_of

# Functions of a value and of scalar parameters; None leaves the sample out.
ElementFunction = Callable[..., float | None]

# Relative difference up to which counts are equal: rates of buckets that increased alike may differ by rounding.
# Source: Prometheus, smallDeltaTolerance.
_TOLERANCE = 1e-12


def greater(one: float, other: float) -> float:
    """The greater value; NaN when either is NaN."""
    return math.nan if math.isnan(one) or math.isnan(other) else max(one, other)


def lesser(one: float, other: float) -> float:
    """The lesser value; NaN when either is NaN."""
    return math.nan if math.isnan(one) or math.isnan(other) else min(one, other)


def clamp(value: float, least: float, greatest: float) -> float | None:
    """The value limited to two bounds; None when the lower bound is above the upper one."""
    return None if greatest < least else greater(least, lesser(greatest, value))


def rounded(value: float, to: float = 1.0) -> float:
    """The nearest multiple of `to`; halves are rounded up."""
    inverse = divide(1.0, to)
    return divide(floor(value * inverse + 0.5), inverse)


def floor(value: float) -> float:
    """The greatest whole number that is not above the value."""
    return math.copysign(math.floor(value), value) if math.isfinite(value) else value


def ceil(value: float) -> float:
    """The least whole number that is not below the value."""
    return math.copysign(math.ceil(value), value) if math.isfinite(value) else value


def sign(value: float) -> float:
    """1, -1, or the value itself when it is zero or NaN."""
    return math.copysign(1.0, value) if value > 0 or value < 0 else value


def exponential(value: float) -> float:
    """The exponential function, infinite on overflow."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def square_root(value: float) -> float:
    """The square root; NaN below zero."""
    return math.nan if value < 0 else math.sqrt(value)


def _logarithm(of: Callable[[float], float]) -> ElementFunction:
    return lambda value: of(value) if value > 0 else (math.nan if value else -math.inf)


ELEMENTS: Mapping[str, ElementFunction] = {
    "abs": abs,
    "ceil": ceil,
    "clamp": clamp,
    "clamp_max": lambda value, greatest: lesser(greatest, value),
    "clamp_min": lambda value, least: greater(least, value),
    "exp": exponential,
    "floor": floor,
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "round": rounded,
    "sgn": sign,
    "sqrt": square_root,
}


def histogram_quantile(phi: float, buckets: Vector) -> Vector:
    """The φ-quantile of each histogram, linearly interpolated within its bucket. The lowest bucket begins at zero."""
    histograms: dict[Labels, list[tuple[float, float]]] = {}
    for labels, count in buckets.items():
        bound = bucket_bound(value_of(labels, LE))
        if bound is not None:
            rest = tuple(pair for pair in labels if pair[0] not in (LE, NAME))
            histograms.setdefault(rest, []).append((bound, count))
    return collect((labels, quantile_of_buckets(phi, sorted(counts))) for labels, counts in histograms.items())


def bucket_bound(text: str) -> float | None:
    """The upper bound of a bucket by its label `le`; None for another text."""
    try:
        return float(text)
    except ValueError:
        return None


def quantile_of_buckets(phi: float, buckets: list[tuple[float, float]]) -> float:
    """The φ-quantile of one histogram: at least one bucket, bounds and counts in ascending order."""
    if math.isnan(phi):
        return math.nan
    if not 0 <= phi <= 1:
        return math.copysign(math.inf, phi)
    bounds, counts = _monotonic(buckets)
    if bounds[-1] != math.inf or len(bounds) < 2 or not counts[-1]:  # noqa: PLR2004 - one below infinity
        return math.nan
    rank = phi * counts[-1]
    index = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if index == len(counts) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    below, start = (counts[index - 1], bounds[index - 1]) if index else (0.0, 0.0)
    return start + (bounds[index] - start) * divide(rank - below, counts[index] - below)


def _monotonic(buckets: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Bounds and counts: equal bounds are added up, counts never decrease."""
    bounds, counts = [], []
    for bound, same in groupby(buckets, key=lambda bucket: bucket[0]):
        bounds.append(bound)
        counts.append(sum(count for _, count in same))
    return bounds, list(accumulate(counts, _not_below))


def _not_below(below: float, count: float) -> float:
    nearly = math.isclose(below, count, rel_tol=_TOLERANCE, abs_tol=0.0)
    return below if nearly or count < below else count
