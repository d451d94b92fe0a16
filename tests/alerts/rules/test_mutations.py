"""The scenarios hold the figures: whichever threshold or for-duration changes, a test fails. Unchanged, none does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from alerts.model import Severity
from alerts.policy.file import AlertEntry, PolicyDocument, SeverityEntry
from alerts.policy.load import FILE, load_policy, read_document
from alerts.policy.rule_file import rule_file
from exporter.config.settings import Amount
from exporter.core.types import Seconds
from tests.alerts.rules.case import case_of
from tests.alerts.rules.promtool import failures
from tests.alerts.rules.scenarios import SCENARIOS
from tests.requirements import require_program

DOCUMENT = read_document(FILE.read_text("utf-8"), FILE.name)
SHARE = 0.2  # by how much a threshold is changed; small numbers by one
SMALL = 10
HALF_A_MINUTE = 30

Change = Callable[[SeverityEntry, str], SeverityEntry | None]


def threshold(by: int) -> Change:
    """Up (1) or down (-1)."""

    def change(level: SeverityEntry, unit: str) -> SeverityEntry:
        value, is_time = level.threshold.value, level.threshold.is_time
        step = value * SHARE if is_time or unit == "ratio" or value >= SMALL else 1
        return replace(level, threshold=Amount(value + by * step, is_time=is_time))

    return change


def hold(by: int) -> Change:
    """Longer (1) or shorter (-1); a duration of 0 cannot be shorter."""

    def change(level: SeverityEntry, _: str) -> SeverityEntry | None:
        seconds = level.hold_duration + by * HALF_A_MINUTE
        return replace(level, hold_duration=Seconds(seconds)) if seconds >= 0 else None

    return change


CHANGES = {
    "higher threshold": threshold(1),
    "lower threshold": threshold(-1),
    "longer for": hold(1),
    "shorter for": hold(-1),
}


def mutated(change: Change, severities: frozenset[Severity]) -> tuple[PolicyDocument, set[str]]:
    """The policy with every rule of these severities changed, and the alerts that have one."""
    changed: set[str] = set()

    def entries() -> Iterator[AlertEntry]:
        for entry in DOCUMENT.entries:
            levels = []
            for level in entry.levels:
                other = change(level, _unit(entry)) if level.severity in severities else None
                levels.append(other or level)
                if other:
                    changed.add(entry.name.text)
            yield replace(entry, levels=tuple(levels))

    document = replace(DOCUMENT, entries=tuple(entries()))
    return document, changed


def _unit(entry: AlertEntry) -> str:
    units = {recording.record.text: recording.unit for recording in DOCUMENT.recordings}
    return units[entry.signal.text] if entry.signal else ""


@pytest.mark.parametrize("pages", [True, False], ids=["pages", "the rest"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_rule_is_noticed(tmp_path, change, pages):
    """All rules of some severities at once: every scenario is about one alert, and knows nothing of the others."""
    severities = frozenset(severity for severity in Severity if (severity is Severity.PAGE) is pages)
    document, changed = mutated(change, severities)
    assert changed
    cases = [replace(case_of(each), texts=False) for each in SCENARIOS if each.alert in changed]
    found = failures(require_program("promtool"), tmp_path, rule_file(load_policy(document=document)), cases)
    assert changed - {name.partition(":")[0] for name in found} == set()
