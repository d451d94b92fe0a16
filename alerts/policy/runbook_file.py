"""The shipped runbooks, one Markdown file for each alert; README.md lists them."""

from pathlib import Path

DIRECTORY = Path(__file__).parents[1] / "runbooks"
_INDEX = "README"


def runbook(alert: str) -> str | None:
    """The Markdown of an alert's runbook, of the list for an empty name; None without a file. Raises: OSError."""
    name = alert or _INDEX
    found = next((path for path in DIRECTORY.glob("*.md") if path.stem == name), None)
    return None if found is None else found.read_text("utf-8")
