"""The network round-trip time to the server, so that waiting for the network does not count as cost."""

import math


class RoundTripTimer:
    """Times exchanges with the server over one connection. One sample at a time.

    The shortest exchange of a connection is one in which the server had next to nothing to do (each sample ends with
    COMMIT). Its duration is taken for the round-trip time of every exchange.
    """

    def __init__(self) -> None:
        self._shortest = math.inf
        self._exchanges = 0

    @property
    def network_time(self) -> float:
        """Seconds of the current or latest sample that were network round trips."""
        return self._exchanges * self._shortest if self._exchanges else 0.0

    def connected(self) -> None:
        """Begin anew: a new connection may take another route."""
        self._shortest, self._exchanges = math.inf, 0

    def begin(self) -> None:
        """Begin a sample."""
        self._exchanges = 0

    def note(self, seconds: float) -> None:
        """Note an exchange of so many seconds."""
        self._exchanges += 1
        self._shortest = min(self._shortest, seconds)
