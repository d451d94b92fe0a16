"""`sample`: the file after an error. tests/end_to_end samples real targets."""

import json
import os

import pytest

from exporter import cli
from exporter.commands import sample


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith("OUTBOX_EXPORTER_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("form", ["prometheus", "json"])
def test_no_good_file_is_left_after_an_unexpected_error(monkeypatch, capsys, tmp_path, form):
    """The file then shows that nothing was sampled; the configuration was valid."""
    output = tmp_path / "outbox.prom"
    output.write_text("outbox_up 1\n")
    monkeypatch.setattr(sample, "render", lambda *_: 1 // 0)
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "host=127.0.0.1 port=1")
    assert cli.main(["sample", "--output", str(output), "--format", form]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err
    message = output.read_text()
    if form == "json":
        document = json.loads(message)
        assert (document["up"], document["config_reload_successful"]) == (False, True)
    else:
        assert "outbox_up 0.0\n" in message
        assert "outbox_exporter_config_last_reload_successful 1.0\n" in message
