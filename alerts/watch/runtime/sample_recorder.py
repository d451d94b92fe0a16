"""Records the samples of the rules in a history, in blocks of some minutes, each with the list of its series."""

from collections.abc import Callable

from alerts.model import SampleBlock
from alerts.promql.storage import milliseconds
from alerts.watch.store.history import History
from alerts.watch.store.samples import SeriesList

# Seconds. Samples are kept for so long: a week for a backtest, and the windows of its first rules.
RETAINED = 8 * 86400.0
# Seconds between blocks of samples. The rule group keeps samples for five minutes; idle ticks are a minute apart.
INTERVAL = 225.0
# A list of series grows with new label values. One so many times as long as a block needs is replaced.
_MAX_UNUSED = 2


class SampleRecorder:
    """Records samples. Every method may raise HistoryError; call them in a transaction.

    Units: `t` seconds on the time line of the history, `at` Unix seconds.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._due_at = 0.0
        lists = history.all(SeriesList)
        self._number = max(lists, default=0)
        self._series = lists[self._number].series() if lists else ()

    def add(self, take: Callable[[], SampleBlock | None], t: float, at: float, *, at_once: bool = False) -> None:
        """Record the samples since the last call when they are due. `t` and `at` are the present."""
        if not at_once and t < self._due_at:
            return
        self._due_at = t + INTERVAL
        block = take()
        if block is not None:
            self._list_series(block)
            latest = round(t * 1000) - (milliseconds(at) - block.times[-1])
            self._history.add_samples(latest, block, self._number, self._series)

    def delete_old(self, t: float) -> None:
        """Delete the samples that are too old at `t`."""
        self._history.forget_samples(t - RETAINED)

    def _list_series(self, block: SampleBlock) -> None:
        """Store a new list of series, unless the latest one has those of the block."""
        listed = block.columns.keys() <= set(self._series)
        if listed and len(self._series) <= _MAX_UNUSED * len(block.columns):
            return
        others = block.columns.keys() - set(self._series)
        grown = (*self._series, *sorted(others))
        self._series = grown if len(grown) <= _MAX_UNUSED * len(block.columns) else tuple(sorted(block.columns))
        self._number += 1
        self._history.put(self._number, SeriesList.of(self._series))
