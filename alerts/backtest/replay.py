"""Replays samples: evaluates all signals and rules of a policy at the time of each scrape, as Prometheus does.

Some hours are evaluated at once, expression by expression, and only the samples that later windows reach are kept. A
time without scrapes is filled with evaluations at the policy's interval, in which every series is stale.
"""

import math
from array import array
from collections.abc import Iterable, Iterator
from typing import TypeVar

from alerts.backtest.alert_states import AlertStates
from alerts.backtest.model import Firing, Replayed, Truths, Unknown
from alerts.model import Labels, Policy, RuleKey, SampleBlock, SeriesName, Severity
from alerts.promql.columns import ColumnEvaluation, Matrix, without_names
from alerts.promql.parse import UnsupportedError, parse
from alerts.promql.storage import Storage, milliseconds
from alerts.promql.syntax_tree import Expression
from alerts.promql.vectors import EvaluationError
from alerts.promql.windows import Column
from exporter.core.clock_step import clock_step

# Evaluations at once: six hours of fifteen seconds. More take more memory and hardly less time.
_AT_ONCE = 1440
# In intervals: scrapes further apart are a gap. While nothing consumes alerts, every second interval is skipped.
_GAP = 3
NO_SAMPLES = "no samples"
CLOCK_SET = "the clock was set"

_Name = TypeVar("_Name", str, RuleKey)


class Replay:
    """Replays the samples of one exporter. Call `add` with blocks in the order of time, then `result` once."""

    def __init__(self, policy: Policy) -> None:
        self._job = policy.job
        self._interval = milliseconds(policy.interval)
        self._failures: dict[str, str] = {}
        self._signals = dict(self._parsed((signal.record, signal.expr) for signal in policy.signals))
        rules = {rule.key: rule for rule in policy.rules if rule.key.severity is not Severity.NONE}
        self._expressions = dict(self._parsed((key, rule.expr) for key, rule in rules.items()))
        self._states = {key: AlertStates(rules[key]) for key in self._expressions}
        self._names: dict[SeriesName, SeriesName] = {}
        self._storage = self._empty_storage()
        self._times = array("q")
        self._evaluated = 0
        self._last: int | None = None
        self._offset = 0.0
        self._alive: set[tuple[str, Labels]] = set()
        self._firings: list[Firing] = []
        self._unknown: list[Unknown] = []
        self._truths: dict[RuleKey, dict[Labels, Truths]] = {key: {} for key in self._expressions}

    def _parsed(self, expressions: Iterable[tuple[_Name, str]]) -> Iterator[tuple[_Name, Expression]]:
        """The expressions that can be evaluated here."""
        for name, expr in expressions:
            try:
                yield name, parse(expr)
            except UnsupportedError as error:
                self._failures[str(name)] = str(error)

    def add(self, t: float, block: SampleBlock) -> None:
        """Add a block; `t` is the time of its last scrape on the time line, seconds. Later samples have later times."""
        at = block.times[-1] / 1000
        if self._last is not None:
            before, drift = self._last / 1000, at - t - self._offset
            if clock_step(drift, at - before) or block.times[0] <= self._last:
                self._begin_anew(block.times[0])
        self._offset = at - t
        for part in self._without_gaps(block):
            self._load(part)
        if len(self._times) - self._evaluated >= _AT_ONCE:
            self._evaluate()

    def result(self) -> Replayed | None:
        """The alerts that fired; None without samples."""
        if not self._times:
            return None
        self._end()
        return Replayed(
            start=self._times[0],
            end=self._times[-1],
            firings=tuple(sorted(self._firings, key=lambda firing: (firing.start, firing.rule))),
            unknown=tuple(self._unknown),
            times=self._times,
            truths={key: tuple(each.values()) for key, each in self._truths.items()},
            failures=self._failures,
        )

    def _begin_anew(self, at: int) -> None:
        """Samples before and after a step of the clock cannot be compared."""
        self._end()
        if self._last is not None:
            self._unknown.append(Unknown(self._last, max(at, self._last), CLOCK_SET))
        self._storage, self._last = self._empty_storage(), None

    def _empty_storage(self) -> Storage:
        return Storage.for_expressions((*self._signals.values(), *self._expressions.values()))

    def _end(self) -> None:
        self._evaluate()
        for states in self._states.values():
            self._firings += states.end(self._times[-1])

    # --- loading

    def _without_gaps(self, block: SampleBlock) -> Iterator[SampleBlock]:
        """The parts of a block between gaps; a gap before a part is filled."""
        first = 0
        for number, at in enumerate(block.times):
            if self._last is not None and at - self._last > _GAP * self._interval:
                if number > first:
                    yield _part(block, first, number)
                    first = number
                self._fill_gap(self._last, at)
            self._last = at
        yield _part(block, first, len(block.times))

    def _fill_gap(self, last: int, at: int) -> None:
        self._unknown.append(Unknown(last, at, NO_SAMPLES))
        self._times.extend(range(last + self._interval, at, self._interval))
        for metric, labels in self._alive:
            self._storage.open(metric, labels).ends.append(last + self._interval)
        self._alive = set()

    def _load(self, block: SampleBlock) -> None:
        """Add the samples of successive scrapes; a series that is missing from a scrape becomes stale."""
        alive = set()
        for stored_name, column in block.columns.items():
            if not self._storage.stores(stored_name[0]):
                continue
            name = self._named(stored_name)
            series = self._storage.open(*name)
            is_alive = name in self._alive
            if math.isnan(sum(column)):
                for at, value in zip(block.times, column, strict=True):
                    if not math.isnan(value):
                        series.times.append(at)
                        series.values.append(value)
                    elif is_alive:
                        series.ends.append(at)
                    is_alive = not math.isnan(value)
            else:
                series.times.extend(block.times)
                series.values.extend(column)
                is_alive = True
            if is_alive:
                alive.add(name)
            self._alive.discard(name)
        for name in self._alive:
            self._storage.open(*name).ends.append(block.times[0])
        self._alive = alive
        self._times.extend(block.times)

    def _named(self, name: SeriesName) -> SeriesName:
        """The series as the policy calls it: with its label `job`."""
        if name not in self._names:
            metric, labels = name
            self._names[name] = metric, tuple((key, self._job if key == "job" else text) for key, text in labels)
        return self._names[name]

    # --- evaluating

    def _evaluate(self) -> None:
        """Evaluate everything at the times that were added."""
        times = self._times[self._evaluated :]
        if not times:
            return
        self._storage.advance(times[-1])
        evaluation = ColumnEvaluation(self._storage, times)
        for record, expression in self._signals.items():
            if self._storage.stores(record):  # otherwise no rule reads it
                self._record(record, times, self._matrix(evaluation, expression, record))
        for key, expression in self._expressions.items():
            matrix = self._matrix(evaluation, expression, str(key))
            present = {labels: [value is not None for value in column] for labels, column in matrix.items()}
            self._firings += self._states[key].add(times, present)
            self._add_truths(key, matrix)
        self._evaluated = len(self._times)
        self._storage.truncate()

    def _matrix(self, evaluation: ColumnEvaluation, expression: Expression, name: str) -> Matrix:
        """The values of an expression without metric names; none of them when it fails."""
        try:
            return without_names(evaluation.evaluate(expression))
        except EvaluationError as error:
            self._failures[name] = str(error)
            return {}

    def _record(self, record: str, times: "array[int]", matrix: Matrix) -> None:
        """Store a signal as a series; it is stale where it has no value any more."""
        for labels in (*matrix, *(labels for metric, labels in self._recorded(record) if labels not in matrix)):
            series = self._storage.open(record, labels)
            column: Column = matrix.get(labels) or [None] * len(times)
            if None not in column:
                series.times.extend(times)
                series.values.extend(value for value in column if value is not None)
                continue
            is_alive = bool(series.times) and not (series.ends and series.ends[-1] > series.times[-1])
            for at, value in zip(times, column, strict=True):
                if value is not None:
                    series.times.append(at)
                    series.values.append(value)
                elif is_alive:
                    series.ends.append(at)
                is_alive = value is not None

    def _recorded(self, record: str) -> Iterable[SeriesName]:
        return [(each.metric, each.labels) for each in self._storage.series() if each.metric == record]

    def _add_truths(self, key: RuleKey, matrix: Matrix) -> None:
        for labels, column in matrix.items():
            truths = self._truths[key].setdefault(labels, Truths(labels))
            for number, value in enumerate(column, start=self._evaluated):
                if value is not None:
                    truths.numbers.append(number)
                    truths.values.append(value)


def _part(block: SampleBlock, first: int, last: int) -> SampleBlock:
    """The scrapes of a block from one to before another."""
    if (first, last) == (0, len(block.times)):
        return block
    return SampleBlock(block.times[first:last], {name: column[first:last] for name, column in block.columns.items()})
