"""README and the pages of docs/ agree with the program: metrics, faults, reasons, commands, links."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alerts.policy.load import load_policy
from exporter.commands.parser import parser
from exporter.core.errors import Reason
from exporter.lab.faults import FAULTS
from exporter.lab.libraries import library_lab

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text("utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text("utf-8")
STARTING = (ROOT / "docs" / "getting-started.md").read_text("utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
# README is shown on PyPI, too, where relative links lead nowhere.
LINK = re.compile(r"https://(?:github|raw\.githubusercontent)\.com/([^/]+/[^/]+)/(?:(?:blob|tree)/)?main/([^)#\s]+)")


def test_every_fault_is_named():
    """docs/commands.md lists every fault of the demo."""
    assert [fault for fault in (*FAULTS, *library_lab.FAULTS) if f"`{fault}`" not in COMMANDS] == []


def test_every_reason_is_explained():
    """docs/metrics.md has a row for every reason of a failed sample, and for no other."""
    rows = METRICS.partition("| `reason` | Meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(Reason)


def test_every_command_is_described():
    """docs/commands.md has a row for every command, and for no other."""
    overview = COMMANDS.partition("## Overview")[2].partition("## ")[0]
    described = set(re.findall(r"^\| `([a-z-]+)[ `]", overview, re.MULTILINE))
    assert described == set(re.findall(r"^    ([a-z-]+)(?: |$)", parser().format_help(), re.MULTILINE))


def test_the_numbers_of_alerts_and_rules_are_those_of_the_policy():
    """README counts alerts, the output of check-config counts rules."""
    rules = load_policy().rules
    assert f"{len({rule.key.alert for rule in rules})} alerts" in README
    assert f"alerts: {len(rules)} rules" in STARTING


def test_links_of_the_readme_are_absolute_and_lead_somewhere():
    """Each leads to a file or folder of one repository."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    found = [LINK.fullmatch(link) for link in links]
    assert links
    assert [link for link, match in zip(links, found, strict=True) if match is None] == []
    assert len({match[1] for match in found if match}) == 1
    assert [match[2] for match in found if match and not (ROOT / match[2]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_of_a_page_lead_somewhere(page):
    """Every relative link of a page in docs/ is a file or folder."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")) if not urlsplit(link).scheme]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []


def test_every_page_is_listed():
    """README links to every page in docs/."""
    assert [page.name for page in PAGES if f"/docs/{page.name})" not in README] == []
