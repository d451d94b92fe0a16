"""Whether a maintenance is declared."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from alerts.diagnosis.questions.maintenance import Answer, ask
from exporter.config.settings import Config, WatchSettings
from exporter.migration.maintenance import FILE, MaintenanceFile
from tests.alerts.diagnosis.sources_of import sources


@pytest.mark.parametrize(
    ("started", "ended", "answer"),
    [
        (None, False, Answer.NONE),
        (-10.0, False, Answer.ACTIVE),
        (-4000.0, False, Answer.OVERRUN),
        (-10.0, True, Answer.NONE),
    ],
)
def test_the_file(tmp_path, started, ended, answer):
    """One that was not ended overruns after its hour. Its reason is not shown."""
    file, now = MaintenanceFile(tmp_path), time.time()
    if started is not None:
        file.start(now + started, 3600.0, "hunter22")
    if ended:
        file.end(now)
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    found = ask(sources(config=config))
    assert found.answer is answer
    assert "hunter22" not in found.text


def test_a_damaged_file(tmp_path):
    """Unknown."""
    (tmp_path / FILE).write_text("{")
    assert ask(sources(config=replace(Config(), watch=WatchSettings(state_dir=tmp_path)))).answer is None
