"""The checks of the open watch, for an exporter that starts."""

from __future__ import annotations

from dataclasses import replace

from alerts.watch.runtime.open_watch import open_checks
from alerts.watch.store.history import History
from tests.alerts.watch.fixtures import watch


def test_the_checks_of_the_open_watch(tmp_path):
    """None without a history, without a watch, after the watch, and in a file that is no history."""
    assert open_checks(tmp_path / "none") == ()
    with History.writer(tmp_path) as history:
        assert open_checks(tmp_path) == ()
        history.put(1, watch())
        assert open_checks(tmp_path) == watch().checks
        history.put(1, replace(watch(), closed_at=1.0))
        assert open_checks(tmp_path) == ()
    (tmp_path / "history.sqlite").write_text("damaged")
    assert open_checks(tmp_path) == ()
