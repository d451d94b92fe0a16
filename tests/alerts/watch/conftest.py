"""Histories here are written without waiting for the disk: no test pulls the plug."""

from __future__ import annotations

import pytest

from alerts.watch.store import database_file


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "SYNCHRONOUS", "OFF")
