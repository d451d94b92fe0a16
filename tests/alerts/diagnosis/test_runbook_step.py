"""Items of runbooks as text for a terminal."""

from __future__ import annotations

import pytest

from alerts.diagnosis.model import Step
from alerts.diagnosis.runbook_step import plain, text_of


def test_an_item_of_a_shipped_runbook():
    """Without the marks of Markdown, code indented."""
    assert text_of(Step("OutboxSamplesStale", "mitigation", 2)) == (
        "*Destructive:* its work is rolled back. End the session that holds the lock, as the owner:\n"
        "    SELECT pg_terminate_backend(0);  -- put the pid of check 2 in place of 0"
    )
    assert text_of(Step("OutboxSamplesStale", "check", 3)) == (
        "How long will it take? Ask the person who started it. Minutes: wait. Unknown or hours: mitigation 2."
    )


@pytest.mark.parametrize("step", [Step("OutboxSamplesStale", "check", 9), Step("OutboxUnheardOf", "check", 1)])
def test_an_item_that_is_not_there(step):
    """An error."""
    with pytest.raises(KeyError):
        text_of(step)


def test_paragraphs_are_joined_and_links_are_their_texts():
    """Lines of code stay as they are."""
    markdown = (
        "**Why?** Use [this](a.md)\n   and `that`.\n\n   ```sql\n   SELECT 1\n     , 2;\n   ```\n\n   Then wait.\n"
    )
    assert plain(markdown) == "Why? Use this and that.\n    SELECT 1\n      , 2;\nThen wait."
