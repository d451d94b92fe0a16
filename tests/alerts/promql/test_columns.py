"""Many times at once give the results of the engine, which evaluates one time after another."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from alerts.promql.columns import ColumnEvaluation, Matrix
from alerts.promql.engine import Engine
from alerts.promql.parse import parse
from alerts.promql.vectors import EvaluationError, Vector
from tests.alerts.promql.expressions import Author
from tests.alerts.promql.random_scrapes import START, STEP, random_scrapes
from tests.alerts.promql.test_differential import explain, same, stored

SCRAPES: Final = 70
MADE: Final = random_scrapes(Random("columns"), SCRAPES)
STORAGE: Final = stored(MADE)
# At the scrapes, as rules are replayed, or before, between and after them.
TIMES: Final = {
    "scrapes": [each.at for each in MADE],
    "odd": list(range(START - 29_999, START + (SCRAPES + 30) * STEP, 2 * STEP + 3_211)),
}


def vector_at(matrix: Matrix, number: int) -> Vector:
    return {labels: value for labels, column in matrix.items() if (value := column[number]) is not None}


def engine_at(expression: str, times: list[int]) -> list[Vector] | None:
    """The results of the engine; None when it refuses the expression at one of the times."""
    parsed = parse(expression)
    engine = Engine(STORAGE, [parsed])
    evaluate, found = engine.compile(parsed), []
    for time in times:
        engine.start_evaluation()
        try:
            found.append(evaluate(time / 1000))
        except EvaluationError:
            return None
    return found


@pytest.mark.parametrize("times", TIMES.values(), ids=list(TIMES))
def test_random_expressions_agree_with_the_engine(times):
    """The same labels and values; what the engine refuses at one time has no result, or one at the other times."""
    author, kinds = Author(Random("columns")), []
    for number in range(160):
        expression = author.vector(number % 4)
        expected = engine_at(expression, times)
        try:
            matrix = ColumnEvaluation(STORAGE, times).evaluate(parse(expression))
        except EvaluationError:
            assert expected is None, expression
            kinds.append("refused")
            continue
        kinds.append("values" if matrix else "empty")
        for index, vector in enumerate(expected or ()):
            mine = vector_at(matrix, index)
            assert same(mine, vector), explain(expression, times[index], mine, vector)
    assert kinds.count("values") > 80
    assert kinds.count("refused") < 20


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("vector(1) == 1", [1.0, 1.0]),
        ("time()", [1_700_000_000.0, 1_700_000_015.0]),
        ("scalar(nothing)", [None, None]),
        ("absent(nothing)", [1.0, 1.0]),
    ],
)
def test_scalars_and_constants(expression, values):
    """A scalar is a series without labels."""
    ((column),) = ColumnEvaluation(STORAGE, [START, START + STEP]).evaluate(parse(expression)).values()
    assert [None if value != value else value for value in column] == values  # noqa: PLR0124 - NaN


def test_a_side_is_evaluated_only_where_the_other_has_samples():
    """An expression that is invalid at the other times only is not refused."""
    times = [START + STEP, START + 2 * STEP, START + 3 * STEP]
    invalid = f"up + on () up and on () vector(time()) > {times[-1] / 1000 + 1}"
    with pytest.raises(EvaluationError):
        ColumnEvaluation(STORAGE, times).evaluate(parse("up + on () up"))
    assert ColumnEvaluation(STORAGE, times).evaluate(parse(invalid)) == {}
