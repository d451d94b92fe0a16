"""docs/dashboards.md is up to date."""

from __future__ import annotations

import re
from pathlib import Path

from dashboards.builder import build
from exporter.lab.faults import FAULTS
from tests.dashboards.reading import FILES, load_dashboard

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "dashboards.md").read_text("utf-8")


def test_every_link_has_a_target():
    """Relative to the page; pictures too."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("http")]
    assert links
    for link in links:
        assert (ROOT / "docs" / link).exists(), link


def test_every_page_is_named_with_its_file():
    """By its title."""
    for file in FILES:
        assert f"| {load_dashboard(file)['title']} | `dashboards/{file}` |" in TEXT


def test_commands_are_those_that_there_are():
    """Options of the program that writes, faults of the lab, where runbooks are."""
    for option in re.findall(r"dashboards\.build(?:`.*?`)? ?`?(--\w+)", TEXT):
        assert option in build._parser().format_help()
    for fault in re.findall(r"FAULT=([\w-]+)", TEXT):
        assert fault in FAULTS
    assert f"`{build.RUNBOOKS}/<alert>.md`" in TEXT


def test_pictures_are_small():
    """A page of documentation is no download; every picture is shown, those of the dashboards on their page."""
    pages = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 300_000, picture.name
        assert f"(pictures/{picture.name})" in (pages if picture.name.startswith(("status-", "report-")) else TEXT)
