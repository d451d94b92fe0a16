"""`watch report` without a watch. tests/commands/test_watch.py reports real ones."""

import pytest

from alerts.watch.store.history import History
from exporter import cli


@pytest.mark.parametrize(
    ("arguments", "reason"), [((), "no watch has begun"), (("--number", "7"), "there is no watch 7")]
)
def test_a_watch_that_is_not_there(tmp_path, monkeypatch, capsys, arguments, reason):
    """Status 3, with the reason."""
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path))
    History.writer(tmp_path).close()
    assert cli.main(["watch", "report", *arguments]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{reason}\n")
