"""Accepted expressions, and the messages for refused ones."""

import pytest

from alerts.promql.parse import UnsupportedError, parse
from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    FunctionCall,
    Grouping,
    Matcher,
    MatchType,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorMatching,
    VectorSelector,
)

X, Y = VectorSelector("x"), VectorSelector("y")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1.5", NumberLiteral(1.5)),
        ("5m", NumberLiteral(300)),
        ("(x)", X),
        ("+x", X),
        ("-x", Negation(X)),
        ("x offset 1m30s", VectorSelector("x", offset=90_000)),
        ('{__name__="x"}', X),
        (
            'x{a="b",c!="d"}',
            VectorSelector("x", (Matcher("a", MatchType.EQUAL, "b"), Matcher("c", MatchType.NOT_EQUAL, "d"))),
        ),
        ("rate(x[5m] offset 1s)", FunctionCall("rate", (RangeSelector(VectorSelector("x", offset=1000), 300_000),))),
        ("x > bool 1", BinaryOperation(">", X, NumberLiteral(1), boolean=True)),
        ("x and on () y", BinaryOperation("and", X, Y, matching=VectorMatching(Grouping(only=True)))),
        ("x - ignoring (a) y", BinaryOperation("-", X, Y, matching=VectorMatching(Grouping(frozenset({"a"}))))),
        (
            "x * on (a) group_left (b, c) y",
            BinaryOperation(
                "*", X, Y, matching=VectorMatching(Grouping(frozenset({"a"}), only=True), "left", ("b", "c"))
            ),
        ),
        (
            "x / ignoring (a) group_right () y",
            BinaryOperation("/", X, Y, matching=VectorMatching(Grouping(frozenset({"a"})), "right")),
        ),
        ("sum(x)", Aggregation("sum", X, Grouping(only=True))),
        ("max without (a) (x)", Aggregation("max", X, Grouping(frozenset({"a"})))),
        (
            "quantile by (a) (0.5, x)",
            Aggregation("quantile", X, Grouping(frozenset({"a"}), only=True), NumberLiteral(0.5)),
        ),
        ("1 + 2 * 3", BinaryOperation("+", NumberLiteral(1), BinaryOperation("*", NumberLiteral(2), NumberLiteral(3)))),
    ],
)
def test_understood(text: str, tree: object) -> None:
    """Each construction has its own place in the tree; parentheses leave no trace."""
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x +", "x +: "),
        ("rate(x)", "expected type matrix"),
        ("x[5m]", "apply a function"),
        ("rate(x[5m:1m])", "not supported"),
        ("x @ 5", "no `@`"),
        ("x offset -1m", "an offset must not be negative"),
        ('{a="b"}', "name one metric"),
        ('{__name__=~"x|y"}', "name one metric"),
        ('{__name__="x",__name__!="y"}', "name one metric"),
        ('x{a=~"(?i)b"}', "must have no flags"),
        ('x{a=~"[[:alpha:]]"}', "must have no flags"),
        ('x{a="b" or c="d"}', "no `or` between matchers"),
        ("topk(3, x)", "supported aggregations: sum, min"),
        ('label_replace(x, "a", "b", "c", "d")', "supported functions: abs, absent"),
        ("x atan2 y", "supported operators: +, -"),
        ("x + fill(0) y", "no fill"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """Unsupported syntax is refused at once; the error names the part."""
    with pytest.raises(UnsupportedError) as refused:
        parse(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"x{a=~`\d+\.`}", r"\d+\."),
        (r"x{a=`\n`}", r"\n"),
        (r"x{a=`C:\\`}", r"C:\\"),
        ('x{a=`say "b"`}', 'say "b"'),
        ("x{a=`it's`}", "it's"),
        ("x{a=`b\nc`}", "b\nc"),
        ("x{a=``}", ""),
        (r'x{a="`\\d`"}', r"`\d`"),
        (r"x{a='\'`'}", "'`"),
        ("x{a=`#b`} # it's `\\d", "#b"),
        ('# "`\nx{a="b"}', "b"),
    ],
)
def test_raw_strings(text: str, value: str) -> None:
    """A string between backquotes has no escapes; backquotes in other strings and in comments are characters."""
    selector = parse(text)
    assert isinstance(selector, VectorSelector)
    assert [matcher.value for matcher in selector.matchers] == [value]


@pytest.mark.parametrize(
    "pattern", ["", "a|b", "a.*", "[a-z]+[^0-9]?", r"\d+\.\w*", "(a|b)c", "(?:a)", r"a\|b", "x{2,3}"]
)
def test_plain_patterns(pattern: str) -> None:
    """Patterns that Go and Python read alike are understood."""
    selector = parse(f"x{{a=~'{pattern.replace(chr(92), chr(92) * 2)}'}}" if pattern else "x{a=~''}")
    assert isinstance(selector, VectorSelector)
    assert selector.matchers == (Matcher("a", MatchType.REGEX, pattern),)
