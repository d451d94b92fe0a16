"""Numbers of rows."""

import pytest

from benchmarks.plan import count


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1200", 1200), ("660k", 660_000), ("1.5M", 1_500_000)])
def test_a_count_may_have_a_unit(text, number):
    """Thousands and millions are written as k and M."""
    assert count(text) == number


@pytest.mark.parametrize("text", ["", "k", "-1", "10m", "1 000", "1e6"])
def test_an_ambiguous_count_is_refused(text):
    """Other units and separators are errors."""
    with pytest.raises(ValueError, match="is not a count"):
        count(text)
