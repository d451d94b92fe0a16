"""The command line: the plan for its options."""

import pytest

from benchmarks.__main__ import FULL, SMALL, parser, plan_of
from benchmarks.plan import Variant


def test_without_options_the_full_size_is_measured():
    """In every schema, ten minutes each."""
    plan = plan_of(parser().parse_args([]))
    assert plan.size == FULL
    assert plan.variants == tuple(Variant)
    assert (plan.durations.minutes, plan.durations.others_minutes, plan.durations.beside_minutes) == (10, 10, 10)


def test_each_option_changes_one_value():
    """Also after `--small`."""
    plan = plan_of(parser().parse_args(["--small", "--pending", "5k", "--minutes", "2", "--variants", "indexed"]))
    assert (plan.size.pending, plan.size.jobs) == (5_000, SMALL.jobs)
    assert (plan.durations.minutes, plan.durations.others_minutes, plan.durations.beside_minutes) == (2, 2, 2)
    assert plan.variants == (Variant.INDEXED,)


def test_the_parallel_measurement_can_be_left_out():
    """With zero minutes."""
    assert plan_of(parser().parse_args(["--beside-minutes", "0"])).durations.beside_minutes == 0


def test_an_unknown_mode_is_wrong_usage(capsys):
    """The message names it."""
    with pytest.raises(SystemExit):
        parser().parse_args(["everything"])
    assert "everything" in capsys.readouterr().err
