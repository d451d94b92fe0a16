"""docs/watch.md says what is checked."""

import pytest

from tools import watch


def test_the_table_is_what_is_checked():
    """Run tools/watch.py after a change of the checks."""
    text = watch.PAGE.read_text("utf-8")
    assert watch.with_checks(text) == text


def test_a_page_without_markers_is_refused():
    """Nothing is overwritten by guess."""
    with pytest.raises(ValueError, match="markers are missing"):
        watch.with_checks("# A page\n")
