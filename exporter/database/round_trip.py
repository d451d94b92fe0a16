"""How far away the server is, so that waiting for the network is not taken for work that the database does for us."""

import math


class RoundTripTimer:
    """Times exchanges with the server over one connection. One sample at a time.

    The quickest exchange of a connection is one in which the server had next to nothing to do (each sample ends with
    COMMIT): what it takes is the way there and back, and every other exchange takes as much for it.
    """

    def __init__(self) -> None:
        self._quickest = math.inf
        self._exchanges = 0

    @property
    def network_time(self) -> float:
        """Seconds of the sample under way, or of the latest, that went into the way there and back."""
        return self._exchanges * self._quickest if self._exchanges else 0.0

    def connected(self) -> None:
        """A new connection may take another way, and what was asked on the old one says nothing of it."""
        self._quickest, self._exchanges = math.inf, 0

    def begin(self) -> None:
        """A sample begins."""
        self._exchanges = 0

    def note(self, seconds: float) -> None:
        """An exchange of so many seconds has ended."""
        self._exchanges += 1
        self._quickest = min(self._quickest, seconds)
