"""Configurations for outboxes other than the default tables: one for each way to tell that a job is processed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exporter.config.settings import Config, OutboxSettings

HANDMADE = Path(__file__).with_name("handmade")
# By their files in handmade/.
SHAPES = {
    "timestamp": "timestamp_without_zone",
    "status": "uuid_status",
    "boolean": "boolean_marker",
    "deleted": "deleted_on_completion",
}


@cache
def configuration(shape: str) -> Config:
    """The configuration of an outbox of this shape, without an application."""
    mapping = yaml.safe_load((HANDMADE / f"{SHAPES[shape]}.yaml").read_text())["mapping"]
    keys: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in mapping.items()}
    return replace(Config(), outbox=OutboxSettings(**keys))


def schema(shape: str) -> str:
    """The SQL that makes its table, with some rows."""
    return (HANDMADE / f"{SHAPES[shape]}.sql").read_text()
