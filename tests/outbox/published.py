"""What the exporter publishes of an outbox in a file of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.config.settings import Config, DatabaseSettings, OutboxSettings, SamplingSettings
from exporter.core.types import Seconds, Secret
from exporter.lab.postgres.cluster import SUPERUSER, Cluster
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.sampler import Sampler
from tests.database.sampling import no_listener
from tests.postgres import Database, temporary


@dataclass(frozen=True)
class Published:
    """Gauges about rows, named as in the exposition format; definitions of indexes; messages of failures."""

    values: Mapping[str, float]
    missing_indexes: frozenset[str]
    failures: frozenset[str]


@contextmanager
def loaded(cluster: Cluster, script: Path) -> Iterator[Database]:
    """A database after this script, dropped afterwards."""
    with temporary(cluster) as database:
        database.execute(script.read_bytes())
        yield database


def published(
    database: Database, outbox: Mapping[str, Any], timestamp_zone: Any = None, user: str = SUPERUSER
) -> Published:
    """One sample with a section `outbox` of the configuration."""
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in outbox.items()
    }
    config = Config(
        database=DatabaseSettings(
            dsn=Secret(database.dsn(user)), statement_timeout=Seconds(30), timestamp_zone=timestamp_zone
        ),
        outbox=OutboxSettings(**settings),
        sampling=SamplingSettings(),
    )
    sampler = Sampler(config, no_listener)
    sampler.sample_once()
    states = [state for state in sampler.store.states() if state.target is CollectorTarget.DATABASE]
    readings = [each for each in _readings(states) if each.metric.kind is Kind.GAUGE]
    return Published(
        values={
            _series(each): float(each.value) for each in readings if each.metric is not catalogue.HELPFUL_INDEX_MISSING
        },
        missing_indexes=frozenset(
            each.labels[0] for each in readings if each.metric is catalogue.HELPFUL_INDEX_MISSING and each.value
        ),
        failures=frozenset(problem.message for state in states for problem in state.problems),
    )


def _readings(states: list[CollectorState]) -> list[Reading]:
    return [each for state in states for each in state.readings if isinstance(each, Reading)]


def _series(reading: Reading) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in zip(reading.metric.labels, reading.labels, strict=True))
    return f"{reading.metric.name}{{{labels}}}" if labels else reading.metric.name
