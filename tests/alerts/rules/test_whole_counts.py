"""Counts that are compared with whole numbers are whole: at each threshold, one below and one above it.

For every comparison in the policy and in the checks of the watch, whatever they are; between scrapes, too; by
Prometheus 2 and 3, by VictoriaMetrics and by the exporter's own evaluation.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.policy.load import load_policy
from alerts.promql.engine import Engine
from alerts.promql.parse import parse
from alerts.promql.storage import Storage, required_history
from alerts.promql.syntax_tree import BinaryOperation, NumberLiteral, RangeSelector, VectorSelector, walk
from alerts.watch.checks.checks import CheckParameters, resolve
from tests.alerts.expressions import COMPARISONS, counted, is_counter
from tests.alerts.rules.scenario import T
from tests.alerts.rules.series import COUNTERS, HEALTHY, STEP, Series, SeriesByName, labelled, notation
from tests.newest import require_newest
from tests.requirements import require_program

_A_COUNT = re.compile(r"max without \([^()]*\) \((sum without \([^()]*\) \()?increase\([^()]*\)\)+")

POLICY = load_policy()
EXPRESSIONS: Final = {
    **{signal.record: signal.expr for signal in POLICY.signals},
    **{str(rule.key): rule.expr for rule in POLICY.rules},
}
# As long after T as all are counted, and before any leaves a window of five minutes; scrapes are every 15 seconds.
ASKED: Final = (T + 150, T + 157, T + 164.999, T + 270, T + 274)
SCRAPES: Final = 8  # in which they come
# Both programs ask for a rule.
NOTHING: Final = {"name": "outbox", "rules": [{"record": "outbox:nothing", "expr": "vector(0)"}]}
LENGTH: Final = T + 300
TARGET: Final = {"instance": "a:9721", "job": "outbox-exporter"}


def counts() -> dict[str, set[int]]:
    """By the expression that counts, the whole numbers that something compares it with."""
    found: dict[str, set[int]] = {}
    for rule in POLICY.rules:
        for node in walk(parse(rule.expr)):
            if (
                isinstance(node, BinaryOperation)
                and node.operator in COMPARISONS
                and isinstance(node.right, NumberLiteral)
            ):
                for expr in counted_by(node, rule.expr):
                    found.setdefault(expr, set()).add(int(node.right.value))
    for check in resolve(CheckParameters(POLICY, 86400, application=True)):
        for condition in check.conditions:
            expr = EXPRESSIONS[condition.signal]
            if counts_exactly(expr) and float(condition.limit).is_integer():
                found.setdefault(expr, set()).add(int(condition.limit))
    return found


def counted_by(comparison: BinaryOperation, text: str) -> Iterator[str]:
    """The left operand of each comparison with a whole number, in full."""
    assert isinstance(comparison.right, NumberLiteral)
    left = comparison.left
    if not comparison.right.value.is_integer():
        return
    if isinstance(left, VectorSelector) and counts_exactly(EXPRESSIONS.get(left.metric, "")):
        yield EXPRESSIONS[left.metric]
    own, _, _ = text.rpartition(f" {comparison.operator} ")
    if counts_exactly(own) and parse(own) == left:
        yield own


def counts_exactly(expr: str) -> bool:
    """Whether it is a sum of exact increases, and nothing else."""
    folded = counted(expr)
    return folded != expr and _A_COUNT.fullmatch(folded) is not None


COUNTS: Final = counts()


def series_with_increase(expr: str, count: int) -> SeriesByName:
    """One of its counters grows by this number after T, within eight scrapes; the others are constant."""
    (metric,) = {node.selector.metric for node in walk(parse(expr)) if isinstance(node, RangeSelector)}
    (selector, *_) = [node.selector for node in walk(parse(expr)) if isinstance(node, RangeSelector)]
    series = {name: each for name, each in HEALTHY.items() if name.partition("{")[0] == metric}
    fitting = [name for name in series if selector.matches(labels_of(name))]
    assert fitting, f"no series of the healthy outbox is {selector}"
    still: dict[str, Series] = dict.fromkeys(series, lambda _: 40.0)
    return {**still, fitting[0]: lambda time: 40.0 + min(count, max(0, time - T) // STEP * -(-count // SCRAPES))}


def labels_of(name: str) -> tuple[tuple[str, str], ...]:
    (selector,) = [node for node in walk(parse(name)) if isinstance(node, VectorSelector)]
    return tuple((matcher.label, matcher.value) for matcher in selector.matchers)


def boundary_cases() -> Iterator[tuple[str, SeriesByName, int]]:
    """Each count at each of its thresholds, and beside it."""
    for expr, thresholds in COUNTS.items():
        for count in sorted({max(0, each + by) for each in thresholds for by in (-1, 0, 1)}):
            yield expr, series_with_increase(expr, count), count


def by_promtool(promtool: Path, directory: Path) -> None:
    """Every answer, by `promtool test rules`."""
    run([promtool, "test", "rules"], "promql_expr_test", directory)


def by_vmalert(tool: Path, directory: Path) -> None:
    """Every answer, by `vmalert-tool unittest`."""
    run([tool, "unittest", "--files"], "metricsql_expr_test", directory)


def run(command: list[str | Path], tests: str, directory: Path) -> None:
    """Both programs are expected to give the same result."""
    (directory / "rules.json").write_text(json.dumps({"groups": [NOTHING]}))
    document = {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{STEP}s",
        "tests": [_test(tests, *question) for question in boundary_cases()],
    }
    file = directory / "test.json"
    file.write_text(json.dumps(document))
    done = subprocess.run([*command, file], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:5000]


def _test(kind: str, expr: str, seen: SeriesByName, count: int) -> dict[str, Any]:
    return {
        "interval": f"{STEP}s",
        "input_series": [
            {"series": labelled(name, **TARGET), "values": notation(series, LENGTH)} for name, series in seen.items()
        ],
        kind: [
            {
                "expr": f"max({expr})",
                "eval_time": f"{at * 1000:.0f}ms",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for at in ASKED
        ],
    }


def by_engine(_: Path) -> None:
    """Every answer, by the exporter's own evaluation."""
    for expr, seen, count in boundary_cases():
        tree = parse(f"max({expr})")
        storage = Storage(required_history([tree]))
        engine = Engine(storage, [tree])
        evaluate = engine.compile(tree)
        for time in range(0, LENGTH + STEP, STEP):
            samples = [(name.partition("{")[0], _labels(name), series(time)) for name, series in seen.items()]
            storage.append(time, [(metric, labels, value) for metric, labels, value in samples if value is not None])
            engine.start_evaluation()
            for at in (at for at in ASKED if time <= at < time + STEP):
                assert evaluate(at) == {(): count}, f"{expr} at {at}"


def _labels(name: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((*labels_of(name), *TARGET.items())))


PROGRAMS: Final[Mapping[str, Callable[[Path], None]]] = {
    "debian": lambda directory: by_promtool(require_program("promtool"), directory),
    "newest": lambda directory: by_promtool(require_newest("promtool"), directory),
    "vmalert": lambda directory: by_vmalert(require_newest("vmalert-tool"), directory),
    "exporter": by_engine,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_counts_are_whole(program, tmp_path):
    """Exactly as many as there were, wherever the evaluation falls between two scrapes."""
    PROGRAMS[program](tmp_path)


def test_every_threshold_is_found():
    """Those that are known today; a new one comes by itself."""
    numbers = sorted(number for thresholds in COUNTS.values() for number in thresholds)
    assert len(COUNTS) >= 9
    assert {0, 1, 3, 10, 20} <= set(numbers)


@pytest.mark.parametrize("expr", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_nothing_extrapolated_is_compared_with_a_number(expr):
    """An increase is exact, a gauge's change is that of two moments; the rest are rates, trends and quantiles."""
    assert not {"increase(", "delta("} & set(without_exact_ones(expr).replace("(", "( ").split())


def without_exact_ones(expr: str) -> str:
    """The expression with a placeholder for each exact increase."""
    return counted(expr).replace("increase(", "exactly(")


def test_every_counter_of_the_healthy_world_is_one():
    """The series above are counters in the catalogue."""
    assert all(is_counter(name.partition("{")[0]) for name in HEALTHY if COUNTERS.match(name))
