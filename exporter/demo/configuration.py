"""The configuration of the exporter in the demo: as in production, at shorter intervals."""

from pathlib import Path
from typing import Final

from exporter.config.settings import (
    ApplicationSettings,
    Config,
    DatabaseSettings,
    OutboxSettings,
    SamplingSettings,
    WatchSettings,
    WebSettings,
)
from exporter.core.types import Address, Seconds, Secret, Url

# Seconds; every number should change within a minute.
INTERVAL: Final = Seconds(5)
_ROWS_PER_SECOND: Final = 100_000


def configuration(
    dsn: str, directory: Path, port: int, *, application: str | None = None, profile: str | None = None
) -> Config:
    """The configuration for this database; `application` is the URL of the metrics endpoints."""
    return Config(
        database=DatabaseSettings(dsn=Secret(dsn)),
        application=ApplicationSettings(url=Url(application)) if application else None,
        outbox=OutboxSettings(profile=profile),
        sampling=SamplingSettings(interval=INTERVAL, rows_per_second=_ROWS_PER_SECOND),
        web=WebSettings(listen=Address(f"127.0.0.1:{port}")),
        watch=WatchSettings(state_dir=directory / "state"),
    )
