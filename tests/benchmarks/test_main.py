"""The command line: the plan for its options."""

import pytest

from benchmarks.__main__ import FULL, SMALL, parser, plan_of
from benchmarks.plan import Variant


def test_without_options_the_full_size_is_measured():
    """In every schema, ten minutes each, with no other build."""
    plan = plan_of(parser().parse_args([]))
    assert plan.size == FULL
    assert plan.variants == tuple(Variant)
    assert (plan.durations.minutes, plan.durations.backlog_minutes, plan.durations.requests) == (10, 10, 500)
    assert plan.against is None


def test_each_option_changes_one_value():
    """Also after `--small`."""
    options = "--small --pending 5k --minutes 2 --variants indexed --against 80bb9ed --requests 0"
    plan = plan_of(parser().parse_args(options.split()))
    assert (plan.size.pending, plan.size.jobs) == (5_000, SMALL.jobs)
    assert (plan.durations.minutes, plan.durations.backlog_minutes, plan.durations.requests) == (2, 2, 0)
    assert (plan.variants, plan.against) == ((Variant.INDEXED,), "80bb9ed")


def test_an_unknown_mode_is_wrong_usage(capsys):
    """The message names it."""
    with pytest.raises(SystemExit):
        parser().parse_args(["everything"])
    assert "everything" in capsys.readouterr().err
