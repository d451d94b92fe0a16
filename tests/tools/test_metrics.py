"""The metric table of docs/metrics.md."""

from __future__ import annotations

import pytest

from tools import metrics


def test_a_row_of_the_table():
    """Name, type, labels and help of a metric, in this order."""
    rows = [line for line in metrics.table().splitlines() if line.startswith("| `outbox_pending_jobs` |")]
    assert len(rows) == 1
    assert rows[0].startswith("| `outbox_pending_jobs` | gauge | `state` | ")


def test_only_the_table_is_replaced():
    """The text before and after the markers stays."""
    before = f"# Title\n\n{metrics.BEGIN}\nold table\n{metrics.END}\n\n## Next\n"
    after = metrics.with_table(before)
    assert after == f"# Title\n\n{metrics.BEGIN}\n{metrics.table()}\n{metrics.END}\n\n## Next\n"
    assert metrics.with_table(after) == after


@pytest.mark.parametrize("text", ["# A page", f"# A page\n{metrics.BEGIN}\n"])
def test_a_missing_marker_is_an_error(text):
    """Nothing is replaced without both markers."""
    with pytest.raises(ValueError, match="lacks the markers"):
        metrics.with_table(text)
