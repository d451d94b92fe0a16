"""Panels as Grafana reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from alerts.model import Policy
from alerts.policy.load import load_policy


@cache
def policy() -> Policy:
    return load_policy()


def made(panel: Any) -> dict[str, Any]:
    """The JSON of a panel."""
    loaded: dict[str, Any] = json.loads(json.dumps(panel.build(), cls=JSONEncoder))
    return loaded


def legends(panel: Any) -> list[str]:
    """The legends of its queries, in order."""
    return [target["legendFormat"] for target in made(panel)["targets"]]


def limits(panel: Any) -> list[float]:
    """Its thresholds, without the base."""
    return [step["value"] for step in made(panel)["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]


def titles(panels: Iterable[Any]) -> list[str]:
    return [made(panel)["title"] for panel in panels]


def section_titles(dashboard: Any) -> list[str]:
    """The titles of its sections, in order."""
    loaded = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    return [panel["title"] for panel in loaded["panels"] if panel["type"] == "row"]
