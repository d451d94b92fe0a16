"""Our engine and a real Prometheus give the same results for the same expressions and series."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from alerts.model import Labels
from alerts.promql.storage import Storage
from alerts.promql.vectors import EvaluationError, Vector
from tests.alerts.promql.expressions import Author
from tests.alerts.promql.notation import compiled
from tests.alerts.promql.oracle import Oracle, RefusedError, oracle
from tests.alerts.promql.random_scrapes import START, STEP, RandomScrape, random_scrapes, written
from tests.newest import SOURCES

logger = logging.getLogger(__name__)

SCRAPES: Final = 150
# Odd, and at moments of every kind: before the first scrape, between scrapes, after the last one.
TIMES: Final = range(START - 29_999, START + (SCRAPES + 30) * STEP, 11 * STEP + 3_210)
EXPRESSIONS: Final = 600


@dataclass(frozen=True, slots=True)
class TwoEngines:
    """A Prometheus and a storage with the same series."""

    server: Oracle
    storage: Storage


@pytest.fixture(scope="module", params=SOURCES)
def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoEngines]:
    with oracle(tmp_path_factory.mktemp("oracle"), SOURCES[request.param]) as server:
        scrapes = random_scrapes(Random("weather"), SCRAPES)
        server.write(written(scrapes))
        yield TwoEngines(server, stored(scrapes))


def stored(scrapes: Iterable[RandomScrape]) -> Storage:
    """A storage of all samples."""
    scrapes = list(scrapes)
    metrics = {metric for scrape in scrapes for metric, _, _ in scrape.samples}
    storage = Storage(dict.fromkeys(metrics, 1e9))
    for scrape in scrapes:
        storage.append(scrape.at / 1000, scrape.samples)
    return storage


def test_random_expressions_agree(engines: TwoEngines) -> None:
    """Hundreds of expressions, at many times: the same labels, and values that agree to nine digits."""
    author = Author(Random("expressions"))
    agreements: Counter[str] = Counter()
    for number in range(EXPRESSIONS):
        expression = author.vector(number % 4)
        agreements[agree(engines, expression)] += 1
    logger.info("%s", dict(agreements))
    assert agreements["values"] > EXPRESSIONS / 2


def agree(engines: TwoEngines, expression: str, times: range = TIMES) -> str:
    """Compare the results; the kind of result: values, empty or refused."""
    mine_at = compiled(expression, engines.storage)
    try:
        theirs = engines.server.ask(expression, times)
    except RefusedError:
        return agree_one_by_one(engines, expression, times)
    for time in times:
        mine = mine_at(time / 1000)
        assert same(mine, theirs[time]), explain(expression, time, mine, theirs[time])
    return "values" if any(theirs.values()) else "empty"


def agree_one_by_one(engines: TwoEngines, expression: str, times: range) -> str:
    """An expression that is invalid at one time may be valid at another."""
    mine_at = compiled(expression, engines.storage)
    for time in times:
        try:
            theirs = engines.server.ask_once(expression, time)
        except RefusedError:
            with pytest.raises(EvaluationError):
                mine_at(time / 1000)
        else:
            mine = mine_at(time / 1000)
            assert same(mine, theirs), explain(expression, time, mine, theirs)
    return "refused"


def same(mine: Vector, theirs: Vector) -> bool:
    """Whether the labels are the same and the values agree."""
    return mine.keys() == theirs.keys() and all(close(mine[labels], theirs[labels]) for labels in mine)


def close(mine: float, theirs: float) -> bool:
    """To nine digits; NaN equals NaN."""
    return (math.isnan(mine) and math.isnan(theirs)) or math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-9)


def explain(expression: str, time: int, mine: Vector, theirs: Vector) -> str:
    """The difference as text."""
    every: dict[Labels, None] = dict.fromkeys((*mine, *theirs))
    lines = (f"{dict(labels)}: {mine.get(labels)} != {theirs.get(labels)}" for labels in every)
    return f"{expression} at {time}, ours and Prometheus':\n" + "\n".join(lines)
