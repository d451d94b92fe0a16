"""The page about profiles is up to date, and says of each signal whether there is one."""

import pytest

from exporter.outbox import profiles as known
from tools import profiles


def rows() -> dict[str, list[str]]:
    """The cells of the table by the first one."""
    lines = [line for line in profiles.text().splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}


def test_the_page_is_up_to_date():
    """`make generate` writes it."""
    page = profiles.PAGE.read_text("utf-8")
    assert profiles.with_tables(page) == page


def test_each_profile_has_a_row_and_a_section():
    """By its title."""
    text = profiles.text()
    for name in known.names():
        title = known.load(name).title
        assert title in rows()
        assert f"### {title}\n" in text
        assert f"profile: {name}\n" in text


def test_what_the_default_tables_tell():
    """All but times at which jobs are due, and workers."""
    assert rows()["Outbox"] == [
        "Backlog", "Age", "Scheduled", "Running", "By queue", "Processed, last hour", "Processing time",
        "Failure ratio", "Created, unaccounted", "Exhausted",
    ]  # fmt: skip
    assert rows()["The default tables"] == ["yes", "yes", "no (a)", "no (b)", "yes", "yes", "yes", "yes", "yes", "yes"]


def test_reasons_are_listed():
    """Each letter once."""
    lines = [line for line in profiles.text().splitlines() if line.startswith("- **")]
    assert lines[0] == "- **a**: jobs have no time at which they are due"
    assert len({line[4] for line in lines}) == len(lines)


def test_how_long_processed_jobs_are_kept():
    """By the library, or why no alert says that it is too long."""
    lines = profiles.text().splitlines()
    (river,) = [line for line in lines if "CompletedJobRetentionPeriod" in line]
    assert river.startswith("- `OutboxRetentionOverdue` has the threshold 2d: CompletedJobRetentionPeriod, 24 hours by")
    assert "- `OutboxRetentionOverdue` is left out: PgQueuer does not empty its log." in lines


def test_a_page_without_markers_is_refused():
    """Nothing would be written."""
    with pytest.raises(ValueError, match="lacks the markers"):
        profiles.with_tables("# Any outbox\n")
