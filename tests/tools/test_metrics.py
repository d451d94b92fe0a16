"""The metric table of docs/metrics.md."""

from __future__ import annotations

import pytest

from tools import metrics


def test_a_row_of_the_table():
    """Name, type, labels and help of a metric, in this order."""
    rows = [line for line in metrics.table().splitlines() if line.startswith("| `outbox_pending_jobs` |")]
    assert len(rows) == 1
    assert rows[0].startswith("| `outbox_pending_jobs` | gauge | `state` | ")


def test_only_the_tables_are_replaced():
    """The text before and after the markers stays."""
    terms = f"{metrics.TERMS_BEGIN}\nold terms\n{metrics.TERMS_END}"
    before = f"# Title\n\n{metrics.BEGIN}\nold table\n{metrics.END}\n\n{terms}\n\n## Next\n"
    after = metrics.with_tables(before)
    assert after == (
        f"# Title\n\n{metrics.BEGIN}\n{metrics.table()}\n{metrics.END}\n\n"
        f"{metrics.TERMS_BEGIN}\n{metrics.terms()}\n{metrics.TERMS_END}\n\n## Next\n"
    )
    assert metrics.with_tables(after) == after


def test_a_row_of_the_terms():
    """Name and meaning."""
    assert "| Oldest job | Age of the oldest pending job. |" in metrics.terms().splitlines()


@pytest.mark.parametrize("text", ["# A page", f"# A page\n{metrics.BEGIN}\n", f"{metrics.BEGIN}\n{metrics.END}"])
def test_a_missing_marker_is_an_error(text):
    """Nothing is replaced without all markers."""
    with pytest.raises(ValueError, match="lacks the markers"):
        metrics.with_tables(text)
