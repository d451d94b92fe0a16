"""Data for a web site to serve, and an HTTP client without the proxies of the environment."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from prometheus_client import CollectorRegistry, Gauge

from exporter.web.server import SiteContent


def status() -> dict[str, Any]:
    """A status without failures."""
    return {
        "version": "0.1.0",
        "up": True,
        "now": 1_000_000.0,
        "database": "localhost:5432/postgres",
        "server": {"role": "primary", "address": "10.0.0.7:5432", "replay_lag_seconds": None},
        "signals": {
            "backlog": 1234.0,
            "oldest_pending_age_seconds": 205.0,
            "processing_time_avg_seconds": 1.23,
            "events_last_hour": {"API": 5120.0, "QUEUE": 0.0, "WORKER": 311.0},
            "idempotency_keys": 48211.0,
            "failure_ratio": 0.002,
        },
        "collectors": [collector()],
        "unaccounted": {"removed": 0.0, "uncounted": 0.0},
        "maintenance_until": None,
        "config_reload_successful": True,
        "application": {"healthy": True, "endpoints": {"getFsmMetrics": True}, "checks": {"fsm_init": True}},
        "migration": {"checked_at": 999_880.0, "ok": 48.0, "unknown": 0.0, "broken": [], "unseen": []},
        "alerts": [],
        "watch": watch(state="waiting", started=None, ends=None, coverage=None, summary="outbox-exporter watch start"),
        "drill": None,
        "left_out": {},
        "unknown_metrics": {},
        "unknown_now": {},
        "scheduled": None,
        "running": None,
        "trends": {"backlog": [[996_400.0 + 15 * tick, 1000.0 + tick] for tick in range(240)]},
        "notices": [],
        "changes": [],
    }


def alert(**changes: Any) -> dict[str, Any]:
    """A firing alert."""
    return {
        "alert": "OutboxStalled",
        "severity": "page",
        "state": "firing",
        "since": 999_700.0,
        "value": 420.0,
        "held": False,
        "muted": False,
        "muted_by": None,
        "hold_seconds": 300.0,
        "summary": "Outbox jobs wait and none completes",
        "description": "The oldest unprocessed job is 7m 0s old.",
        "runbook_url": "https://example.org/runbooks/OutboxStalled.md",
    } | changes


def watch(**changes: Any) -> dict[str, Any]:
    """A running watch, half-way through."""
    return {
        "state": "running",
        "verdict": None,
        "headline": None,
        "started": 1_000_000.0 - 43_200,
        "ends": 1_000_000.0 + 43_200,
        "coverage": 0.998,
        "summary": "Nothing was out of order so far.",
        "reasons": [],
        "checks": [check()],
    } | changes


def check(**changes: Any) -> dict[str, Any]:
    """A check of the watch that passes so far."""
    return {
        "title": "Backlog",
        "verdict": "PASS",
        "word": "PASS",
        "reason": "The backlog stayed below 1,000 jobs.",
    } | changes


def collector(**changes: Any) -> dict[str, Any]:
    """A collector without failures."""
    return {
        "name": "backlog",
        "success": True,
        "last_success": 999_996.0,
        "duration_seconds": 0.012,
        "interval_seconds": 15.0,
        "fresh": True,
        "runs": 7,
        "skipped": 0,
        "failures": {},
        "problems": [],
    } | changes


def registry(series: int = 200) -> CollectorRegistry:
    """A registry with about as many series as the exporter's."""
    made = CollectorRegistry()
    gauge = Gauge("outbox_demo_jobs", "Some jobs.", ["queue"], registry=made)
    for number in range(series):
        gauge.labels(f"queue-{number}").set(number)
    return made


def site(
    reload: Callable[[], None] | None = None,
    ready: Callable[[], tuple[bool, str]] = lambda: (True, "ready"),
    status: Callable[[], Mapping[str, Any]] = status,
    metrics: CollectorRegistry | None = None,
    runbook: Callable[[str], str | None] = lambda _: None,
) -> SiteContent:
    return SiteContent(metrics or registry(), status, ready, reload, runbook=runbook, version="0.1.0")


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """One request on a new connection; redirects are not followed."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=10, allow_redirects=False, **options)


def get(url: str, **options: Any) -> requests.Response:
    return ask("GET", url, **options)


@dataclass
class LogRecords(logging.Handler):
    """The formatted log records."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
