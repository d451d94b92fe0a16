"""Small decisions of the tree's own: matchers, groupings, walks."""

import pytest

from alerts.promql.parse import parse
from alerts.promql.syntax_tree import FunctionCall, Grouping, RangeSelector, VectorSelector, children, walk


@pytest.mark.parametrize(
    ("selector", "admitted"),
    [
        ("x", True),
        ('x{a="1"}', True),
        ('x{a!="1"}', False),
        ('x{a=~"1|2"}', True),
        ('x{a=~"."}', True),
        ('x{a=~".."}', False),
        ('x{a!~"1.*"}', False),
        ('x{missing=""}', True),
        ('x{missing!=""}', False),
        ('x{missing=~".*"}', True),
        ('x{missing!~".+"}', True),
        ('x{a="1",b="3"}', False),
    ],
)
def test_matches(selector: str, admitted: bool) -> None:
    """Patterns match the whole value; a label that is missing has the empty one."""
    tree = parse(selector)
    assert isinstance(tree, VectorSelector)
    assert tree.matches((("a", "1"), ("b", "2"))) is admitted


def test_groupings() -> None:
    """The metric's name counts only where it is listed."""
    labels = (("__name__", "x"), ("a", "1"), ("b", "2"))
    assert Grouping().key(labels) == (("a", "1"), ("b", "2"))
    assert Grouping(frozenset({"a"})).key(labels) == (("b", "2"),)
    assert Grouping(frozenset({"a"}), only=True).key(labels) == (("a", "1"),)
    assert Grouping(frozenset({"__name__"}), only=True).key(labels) == (("__name__", "x"),)


def test_walk() -> None:
    """A walk meets everything once, the whole before its parts."""
    tree = parse("-(quantile(0.5, x) + rate(y[5m]) > time())")
    kinds = [type(node).__name__ for node in walk(tree)]
    assert kinds == [
        "Negation",
        "BinaryOperation",
        "BinaryOperation",
        "Aggregation",
        "NumberLiteral",
        "VectorSelector",
        "FunctionCall",
        "RangeSelector",
        "FunctionCall",
    ]
    assert children(RangeSelector(VectorSelector("x"), 1)) == ()
    assert isinstance(next(walk(parse("time()"))), FunctionCall)
