"""Sizes as people write them, and the plan that options mean."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import FULL, SMALL, parser, plan_of
from benchmarks.plan import Variant, count


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1200", 1200), ("660k", 660_000), ("1.5M", 1_500_000)])
def test_a_count_may_have_a_unit(text, number):
    """Thousands and millions are written as k and M."""
    assert count(text) == number


@pytest.mark.parametrize("text", ["", "k", "-1", "10m", "1 000", "1e6"])
def test_a_count_without_sense_is_refused(text):
    """What might be meant differently is not guessed."""
    with pytest.raises(ValueError, match="is not a count"):
        count(text)


def test_without_options_the_full_size_is_measured():
    """The defaults are the size that the issue was seen at, in every schema, ten minutes each."""
    plan = plan_of(parser().parse_args([]))
    assert plan.size == FULL
    assert plan.variants == tuple(Variant)
    assert (plan.pace.minutes, plan.pace.others_minutes, plan.pace.beside_minutes) == (10, 10, 10)


def test_options_change_what_they_name_and_nothing_else():
    """`--small` is a base that single sizes may still differ from."""
    plan = plan_of(parser().parse_args(["--small", "--pending", "5k", "--minutes", "2", "--variants", "indexed"]))
    assert (plan.size.pending, plan.size.jobs) == (5_000, SMALL.jobs)
    assert (plan.pace.minutes, plan.pace.others_minutes, plan.pace.beside_minutes) == (2, 2, 2)
    assert plan.variants == (Variant.INDEXED,)


def test_watching_at_once_can_be_left_out():
    """Zero minutes are no default."""
    assert plan_of(parser().parse_args(["--beside-minutes", "0"])).pace.beside_minutes == 0


def test_an_unknown_mode_is_wrong_usage(capsys):
    """A mode that does not exist is named in the answer."""
    with pytest.raises(SystemExit):
        parser().parse_args(["everything"])
    assert "everything" in capsys.readouterr().err
