"""A damaged history keeps its content under another name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.store.database_file import FILE
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryInUse
from alerts.watch.store.quarantine import quarantine
from tests.alerts.watch import fixtures


def test_a_damaged_history_gets_a_new_name(tmp_path):
    """Nothing of it is lost, however often that happens; the latest watch is named when it can be read."""
    for number in range(3):
        content = b"damaged" * (number + 1)
        (tmp_path / FILE).write_bytes(content)
        damaged = quarantine(tmp_path, fixtures.START)
        assert damaged.path.read_bytes() == content
        assert (damaged.may_have_run, damaged.watch) == (True, None)
        assert not (tmp_path / FILE).exists()
    assert len(list(tmp_path.glob("history.damaged-20251118T*.sqlite"))) == 3
    with History.writer(tmp_path) as opened, opened.transaction():
        opened.put(4, replace(fixtures.watch(), number=4, closed_at=1.0))
    damaged = quarantine(tmp_path, fixtures.START)
    assert damaged.watch is not None
    assert (damaged.may_have_run, damaged.watch.number) == (False, 4)


def test_a_history_in_use_is_not_moved(tmp_path):
    """A writer in another process."""
    with History.writer(tmp_path), pytest.raises(HistoryInUse):
        quarantine(tmp_path, fixtures.START)
    assert (tmp_path / FILE).exists()
