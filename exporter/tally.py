"""Counters over rows of a database that nobody announces: each row is counted once, however late it appears.

A row count is a gauge (retention and cascades delete rows), so counters advance by the rows that a sample sees for
the first time. Commits arrive out of order and clocks differ; therefore each sample reads again a settling window
before the last one and drops what it has counted already. Pure: the database's clock comes in as an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress

# A row counts if it becomes visible at most so many seconds after its own timestamp: the sum of how long its
# transaction stayed open and how far the clock that stamped it lags behind the database's. The RPC's target is
# 50 ms and hosts keep time to well under a second; ten minutes also cover a host whose clock nobody minds.
SETTLING = 600.0


@dataclass(frozen=True, slots=True)
class _Seen:
    since: float
    ids: frozenset[str]


class NewRows:
    """Tells new rows from those of earlier samples.

    The first sample sets the baseline: its rows were there before we looked, and none of them is new.
    Memory: one id per row of the settling window.
    """

    def __init__(self) -> None:
        self._seen: _Seen | None = None

    def since(self, now: float) -> float:
        """From which timestamp on the next sample must read, given the database's time now; Unix seconds."""
        horizon = now - SETTLING
        return horizon if self._seen is None else min(self._seen.since, horizon)

    def admit(self, stamps: Mapping[str, float], now: float) -> set[str]:
        """The ids that no earlier sample held. `stamps` must be all rows from `since(now)` on: their times by id.

        What is stamped before the last window counts as seen: its ids are forgotten, and only a clock that was set
        back makes us read it again.
        """
        seen, horizon = self._seen, now - SETTLING
        # Without a step of Python for each of some thousand rows: they are nearly all that a sample takes.
        self._seen = _Seen(horizon, frozenset(compress(stamps, map(horizon.__le__, stamps.values()))))
        return set() if seen is None else {row for row in stamps.keys() - seen.ids if stamps[row] >= seen.since}
