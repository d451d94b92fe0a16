"""Histories here are written without waiting for the disk: no test pulls the plug."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts.watch.store import database_file
from tests.alerts.watch import scenario


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "SYNCHRONOUS", "OFF")


@pytest.fixture(autouse=True)
def _without_open_histories() -> Iterator[None]:
    yield
    scenario.drop_recorders()
