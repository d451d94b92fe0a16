"""The shipped runbooks by alert."""

from __future__ import annotations

import pytest

from alerts.policy.runbook_file import runbook


def test_the_runbook_of_an_alert():
    """Its Markdown, with the alert as its title."""
    text = runbook("OutboxStalled")
    assert text is not None
    assert text.startswith("# OutboxStalled\n")


def test_an_empty_name_is_the_list():
    """README.md, with a link to each runbook."""
    text = runbook("")
    assert text is not None
    assert "(OutboxStalled.md)" in text


@pytest.mark.parametrize("name", ["Nonsense", "../policy", "OutboxStalled.md", "outboxstalled", "*"])
def test_another_name_is_no_runbook(name):
    """No path leads out of the folder, and no pattern matches."""
    assert runbook(name) is None
