"""README says what is: its metric table, its faults, its commands and its links."""

import re
from pathlib import Path

from exporter import cli
from exporter.core.errors import Reason
from exporter.lab.faults import FAULTS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")


def test_every_fault_is_named():
    """Whoever reads the page can try each."""
    assert [fault for fault in FAULTS if f"`{fault}`" not in TEXT] == []


def test_every_reason_is_named():
    """A reason on the pager is explained on the page."""
    assert [reason for reason in Reason if f"`{reason}`" not in TEXT] == []


def test_every_command_is_described():
    """And no other."""
    described = set(
        re.findall(r"^\| `([a-z-]+)[ `]", TEXT.split("## Commands")[1].split("## Metrics")[0], re.MULTILINE)
    )
    assert described == set(re.findall(r"^    ([a-z-]+)(?: |$)", cli.parser().format_help(), re.MULTILINE))


def test_links_into_the_repository_lead_somewhere():
    """Every relative link is a file."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
