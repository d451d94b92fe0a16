"""Every alert has a runbook, and every runbook has the required form."""

from __future__ import annotations

import re

import pytest

from alerts.model import Rule, Severity
from alerts.policy.load import load_policy
from tests.alerts.runbook import INDEX, SECTIONS, Runbook, prose, runbooks
from tools import alerting

PAGES = runbooks()
RULES = load_policy().rules

# Number of words: short enough for an on-call reader, and long enough to be complete.
FEWEST, MOST = 200, 350
MOST_CHECKS = 5
# The form of a check: "result: next step".
BRANCH = re.compile(r"\S: \S")
# The runbook of a page has to name a time for escalation, and a shorter one than the runbook of a ticket.
LONGEST_ALONE = {Severity.PAGE: 30, Severity.TICKET: 1440, Severity.INFO: 1440, Severity.NONE: 30}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.alert)


def test_every_alert_has_one_and_none_is_without_alert():
    """By file name."""
    assert {page.alert for page in PAGES} == {rule.key.alert for rule in RULES}


@each_page
def test_the_title_is_the_alert(page):
    """The title of a runbook is the name of its alert."""
    assert page.text.startswith(f"# {page.alert}\n")


@each_page
def test_sections_are_complete_and_in_order(page):
    """All seven, none empty."""
    assert [title for title in page.titles if not title.startswith("Escalate")] == list(SECTIONS[:-1])
    assert page.minutes > 0
    assert all(page.section(name).strip() for name in SECTIONS)


@each_page
def test_it_can_be_read_in_a_minute_or_two(page):
    """Neither a stub nor a book; code is not counted."""
    assert FEWEST <= page.words <= MOST


@each_page
def test_checks_are_few_and_each_leads_on(page):
    """At most five, each a question with the expected result and the next step."""
    assert 1 <= len(page.checks) <= MOST_CHECKS
    for check in page.checks:
        question, answer = check.split("**", 2)[1:]
        assert question.endswith(("?", ".")), question
        assert len(prose(answer).split()) >= 8, question
        assert BRANCH.search(" ".join(prose(answer).split())), question


@each_page
def test_references_to_checks_and_mitigations_exist(page):
    """'go to 4' has a check 4, 'mitigation 2' a mitigation 2."""
    mitigations = len(re.findall(r"^\d\. ", page.section("Mitigation"), re.MULTILINE))
    text = prose(page.section("Diagnosis"))
    assert all(int(number) <= len(page.checks) for number in re.findall(r"go\s+to (\d)", text))
    assert all(int(number) <= mitigations for number in re.findall(r"[Mm]itigation (\d)", prose(page.text)))


@each_page
def test_the_safest_mitigation_comes_first(page):
    """A destructive step is never the first."""
    first = page.section("Mitigation").lstrip().partition("\n2. ")[0]
    assert first.startswith("1. ")
    assert "*Destructive" not in first


@each_page
def test_links_lead_somewhere(page):
    """Every relative link is a file."""
    assert [link for link in page.links if not (page.path.parent / link).exists()] == []


@each_page
def test_help_is_called_in_time(page):
    """Who was woken gives up sooner than who sits at a desk."""
    severities = {rule.key.severity for rule in RULES if rule.key.alert == page.alert}
    assert page.minutes <= min(LONGEST_ALONE[severity] for severity in severities)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.key))
def test_the_meaning_has_the_policys_numbers(rule):
    """The threshold and for how long it has to last, as the rule has them."""
    page = next(page for page in PAGES if page.alert == rule.key.alert)
    words = " ".join(prose(page.section("Meaning")).split())
    assert [number for number in numbers(rule) if number not in words] == []


def numbers(rule: Rule) -> list[str]:
    """Values of a rule that a runbook has to name; thresholds of booleans are left out."""
    hold = [duration_text(rule.hold_duration)] if rule.hold_duration else []
    if rule.unit == "seconds":
        return [*hold, duration_text(rule.threshold)]
    if rule.unit == "ratio":
        return [*hold, f"{rule.threshold * 100:g} %"]
    return hold if rule.threshold in (0, 1) else [*hold, f"{rule.threshold:g}"]


def duration_text(seconds: float) -> str:
    """A duration as text: 5 minutes, 26 hours, 38 days."""
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, length = next(pair for pair in units if seconds % pair[1] == 0 and (pair[0] != "day" or seconds > pair[1]))
    return f"{seconds / length:g} {unit}{'s' if seconds > length else ''}"


def test_the_index_is_the_policy():
    """Run `make generate` after a change of the policy."""
    text = INDEX.read_text("utf-8")
    assert alerting.with_runbooks(text, load_policy()) == text


def test_links_of_the_index_lead_somewhere():
    """The page itself is one, too."""
    assert [link for link in Runbook(INDEX, INDEX.read_text("utf-8")).links if not (INDEX.parent / link).exists()] == []
