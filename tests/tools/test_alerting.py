"""The texts that follow from the alert policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.diagnosis.tree import parse
from alerts.policy.load import load_policy
from tools import alerting

POLICY = load_policy()


def test_lines_replace_those_between_the_markers():
    """The markers and the text around them stay."""
    text = "before\n<begin>\nold\nold\n<end>\nafter\n"
    assert alerting.between(text, "<begin>", "<end>", ["new"]) == "before\n<begin>\nnew\n<end>\nafter\n"


@pytest.mark.parametrize("text", ["", "<begin>\nold\n", "old\n<end>\n", "<begin> on a line with more\n<end>\n"])
def test_a_missing_marker_is_an_error(text):
    """Each marker is a line of its own."""
    with pytest.raises(ValueError, match="markers are missing: <begin>, <end>"):
        alerting.between(text, "<begin>", "<end>", [])


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("boolean", 1.0, ""),
        ("seconds", 300.0, "5m"),
        ("ratio", 0.05, "5 %"),
        ("jobs", 1000.0, "1000 jobs"),
        ("jobs", 0.0, "any"),
        ("jobs", 1.0, "any"),
    ],
)
def test_a_threshold_has_its_unit(unit, value, shown):
    """Humanized durations and ratios; no number for a threshold that only separates none from any."""
    rule = replace(POLICY.rules[0], unit=unit, threshold=value)
    assert alerting.threshold(rule) == shown


def test_each_rule_has_a_row():
    """With a link to its runbook, severity, summary, threshold and for-duration."""
    text = alerting.ALERTING.read_text("utf-8")
    rows = [line for line in alerting.with_rules(text, POLICY).splitlines() if line.startswith("| [`OutboxStalled`]")]
    assert len(rows) == 1
    assert rows[0].startswith("| [`OutboxStalled`](../alerts/runbooks/OutboxStalled.md) | page | ")
    assert rows[0].endswith(" | 5m | 1m |")


def test_each_alert_is_in_the_index_of_the_runbooks():
    """One row for an alert, with all its severities."""
    text = alerting.RUNBOOKS.read_text("utf-8")
    rows = [line for line in alerting.with_runbooks(text, POLICY).splitlines() if "OutboxHeadBlocked" in line]
    assert len(rows) == 1
    assert rows[0].startswith("| [OutboxHeadBlocked](OutboxHeadBlocked.md) | page, ticket | ")


TREE = """
causes:
  refused: {title: No, when: {connection: refused}, step: "OutboxDatabaseUnreachable, check 3"}
  locked: {title: Locked, when: {locks: table-locked}, step: "OutboxSamplesStale, mitigation 2"}
groups: {unreachable: [refused], any: [unreachable]}
alerts:
  OutboxSamplesStale: [unreachable, locked]
  OutboxDatabaseUnreachable: [unreachable]
"""
PAGE = "# A\n\n## Diagnosis\n\n1. **What?**\n\n   ```bash\n   true\n   ```\n\n## Mitigation\n"


def test_a_runbook_begins_with_the_command_and_its_causes():
    """Unreachable is one line, except on the page about that; a step of the same page has no name before it.

    Written again, nothing changes.
    """
    written = alerting.with_causes(PAGE, "OutboxSamplesStale", parse(TREE))
    assert written == PAGE.replace(
        "1. **What?**",
        "```bash\noutbox-exporter --config config.yaml diagnose OutboxSamplesStale\n"
        "# It makes these checks, and ends at the first of these causes:\n"
        "# unreachable: OutboxDatabaseUnreachable\n# locked: mitigation 2\n```\n\n1. **What?**",
    )
    assert alerting.with_causes(written, "OutboxSamplesStale", parse(TREE)) == written
    assert "# refused: check 3\n```" in alerting.with_causes(PAGE, "OutboxDatabaseUnreachable", parse(TREE))


def test_a_runbook_without_diagnosis_is_an_error():
    """The message names the alert."""
    with pytest.raises(ValueError, match="runbook of OutboxStalled has no section Diagnosis"):
        alerting.with_causes("# A\n", "OutboxStalled", parse(TREE))
