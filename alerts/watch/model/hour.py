"""An hour of a history, in short: for the baselines of later watches."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HourSummary:
    """One hour by the wall clock. Shape: `values` has the median of each compared signal that is known well enough.

    `usable`: in this hour there was no declared maintenance, and no alert of severity page fired.
    """

    values: Mapping[str, float]
    usable: bool
