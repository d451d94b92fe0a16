"""Types of values that more than one package uses: durations, addresses, certificates, secrets."""

from dataclasses import dataclass, field
from typing import Literal, NewType

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

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that its repr and str do not show.

    `reveal` is the only access: for passing it to libpq or into an HTTP header, never into a log or an error.
    """

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself."""
        return self._value
