"""The settings, frozen: what each key means, its unit and its default. `exporter.settings` reads them.

Field names are the keys of the YAML file; the environment variable of a key is `OUTBOX_EXPORTER_<SECTION>_<KEY>`.
Durations are seconds here and `15s`, `5m`, `24h` in the file. A field of type `Secret` may also be given as
`<key>_file`, a file that holds it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NewType

Seconds = NewType("Seconds", float)
Ratio = NewType("Ratio", float)
Url = NewType("Url", str)
Address = NewType("Address", str)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that does not print itself.

    `reveal` is the one way to it: only for handing it to libpq or into an HTTP header, never into a log or an error.
    """

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself."""
        return self._value


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The watched database and how gently it is treated.

    `dsn` is a libpq connection string or URI; what it leaves out comes from libpq's own variables (PGHOST, ...).
    """

    dsn: Secret = Secret("")
    schema: str = "public"
    connect_timeout: Seconds = Seconds(3)
    statement_timeout: Seconds = Seconds(5)
    lock_timeout: Seconds = Seconds(0.5)


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """The application's metrics endpoints, `<url>/metrics.<procedure>`.

    `timeout` bounds a whole answer, connecting included; `max_bytes` bounds its decoded size.
    """

    url: Url
    bearer_token: Secret | None = None
    timeout: Seconds = Seconds(5)
    max_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """When and how much is sampled.

    `budget_ratio` is the share of wall time that each database collector may spend inside the database.
    `exhausted_attempts` is the number of attempts from which on a pending job counts as given up (the deployed
    processor retries five times). `label_limit` caps the values of queue, source and event labels.
    """

    interval: Seconds = Seconds(15)
    budget_ratio: Ratio = Ratio(0.01)
    max_interval: Seconds = Seconds(600)
    count_limit: int = 1_000_000
    exhausted_attempts: int = 5
    label_limit: int = 20


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where /metrics is served. `config_file` holds TLS and basic auth in the exporter-toolkit's format."""

    listen: Address = Address("0.0.0.0:9721")  # noqa: S104 - a container is scraped from outside
    config_file: Path | None = None
    enable_reload: bool = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How events are logged on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the exporter was told. Without `application` it watches the database alone."""

    database: DatabaseSettings = DatabaseSettings()
    application: ApplicationSettings | None = None
    sampling: SamplingSettings = SamplingSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
