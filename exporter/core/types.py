"""Types of values that more than one package uses: durations, addresses, certificates, secrets."""

from dataclasses import dataclass, field
from typing import Literal, NewType, Protocol

Seconds = NewType("Seconds", float)
# A share: above 0, at most 1.
Ratio = NewType("Ratio", float)
# An absolute http or https URL without a slash at its end.
Url = NewType("Url", str)
# An interface and a port to listen on, such as 0.0.0.0:9721.
Address = NewType("Address", str)
# A name of the IANA time zone database.
Zone = NewType("Zone", str)
# Certificate authorities, PEM.
Certificates = NewType("Certificates", str)


@dataclass(frozen=True, slots=True)
class WeeklyTime:
    """A time of the week: `weekday` 0 (Monday) to 6, `hour` and `minute` of the clock in `zone`."""

    weekday: int
    hour: int
    minute: int
    zone: Zone


LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class SecretSource(Protocol):
    """The source of a secret that may change while the exporter runs.

    Units: `time_limit`, seconds that `read` may take. Shape: `latest` is empty before the first `read`.
    """

    time_limit: float
    latest: str

    def read(self) -> str:
        """The secret as it is now. Raises: SecretUnavailable."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that its repr and str do not show, or the source from which it is read at each use.

    `reveal` and `latest` are the only access: for passing it to libpq or into an HTTP header, never into a log or an
    error.
    """

    _value: str | SecretSource = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, as it is now. Takes at most `time_limit` seconds. Raises: SecretUnavailable."""
        return self._value if isinstance(self._value, str) else self._value.read()

    @property
    def latest(self) -> str:
        """The secret when it was last read, at once; empty for one that was never read."""
        return self._value if isinstance(self._value, str) else self._value.latest

    @property
    def time_limit(self) -> float:
        """Seconds that reading it may take; 0 where it does not need to wait."""
        return 0.0 if isinstance(self._value, str) else self._value.time_limit
