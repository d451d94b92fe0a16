"""Random expressions over the series of `random_scrapes`, in the subset of PromQL that the engine supports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_LABELS = ("job", "instance", "result", "state")
_SELECTORS = (
    "depth",
    "depth",
    'depth{state="waiting"}',
    'depth{job=~"a|c",instance!="two"}',
    'jobs_total{result="bad"}',
    'jobs_total{result!~"b.*"}',
    "jobs_total",
    "tries_total",
    "up",
    'up{job="b",missing=""}',
    "lone",
    "nothing",
    '{__name__="depth",state=~".+"}',
    "seconds_bucket",
)
_COUNTERS = ("jobs_total", 'jobs_total{result="bad"}', "tries_total", 'seconds_bucket{le="5.0"}', "seconds_bucket")
_WINDOWS = ("40s", "1m", "2m", "5m", "10m", "30m")
_COUNTING = ("rate", "increase", "irate", "resets", "changes")
_GAUGING = ("delta", "idelta", "deriv", "changes")
_OVER_TIME = ("avg", "min", "max", "sum", "count", "last", "present", "stddev", "stdvar")
_GROUPING = ("sum", "min", "max", "avg", "count", "group")
_COMPARING = ("==", "!=", ">", "<", ">=", "<=")
_ELEMENTS = ("abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "round", "sgn")


@dataclass(slots=True)
class Author:
    """Writes expressions."""

    random: Random

    def vector(self, depth: int = 3) -> str:
        """An instant vector, of at most so many operations inside one another."""
        leaves: tuple[Callable[[], str], ...] = (self._selector, self._counting, self._gauging, self._over_time)
        if depth == 0:
            return self.random.choice(leaves)()
        deeper: tuple[Callable[[int], str], ...] = (
            self._aggregation,
            self._aggregation,
            self._with_scalar,
            self._comparison,
            self._same_sides,
            self._lent,
            self._set,
            self._set,
            self._element,
            self._special,
        )
        return self.random.choice(deeper)(depth - 1)

    def scalar(self, depth: int = 1) -> str:
        """A scalar."""
        choices = ["0", "1", "2.5", "-3", "1e2", "(time() - 1700000000)", "-(2 ^ 3 % 5)", "1 / 0", "(2 > bool 1)"]
        if depth:
            choices += [f"scalar({self._selector()})", f"scalar(sum({self.vector(0)}))"]
        return self.random.choice(choices)

    def _selector(self) -> str:
        offset = self.random.choice(("", "", "", " offset 1m", " offset 7m"))
        return self.random.choice(_SELECTORS) + offset

    def _window(self, selector: str) -> str:
        offset = self.random.choice(("", "", "", " offset 90s"))
        return f"{selector}[{self.random.choice(_WINDOWS)}]{offset}"

    def _counting(self) -> str:
        return f"{self.random.choice(_COUNTING)}({self._window(self.random.choice(_COUNTERS))})"

    def _gauging(self) -> str:
        window = self._window(self.random.choice(_SELECTORS))
        if self.random.random() < 0.3:
            return f"predict_linear({window}, {self.random.choice((60, 3600, -90))})"
        return f"{self.random.choice(_GAUGING)}({window})"

    def _over_time(self) -> str:
        window = self._window(self.random.choice(_SELECTORS))
        if self.random.random() < 0.15:
            return f"quantile_over_time({self.random.choice((0, 0.3, 0.95, 1, 2))}, {window})"
        return f"{self.random.choice(_OVER_TIME)}_over_time({window})"

    def _labels(self) -> str:
        return ", ".join(self.random.sample(_LABELS, self.random.randrange(4)))

    def _aggregation(self, depth: int) -> str:
        modifier = self.random.choice(("", f"by ({self._labels()})", f"without ({self._labels()})"))
        if self.random.random() < 0.1:
            return f"quantile {modifier} ({self.random.choice((0.1, 0.5, 0.99))}, {self.vector(depth)})"
        if self.random.random() < 0.1:
            # Of finite values: Prometheus 2 takes a lone infinite one for a number.
            return f"{self.random.choice(('stddev', 'stdvar'))} {modifier} ({self.random.choice(_COUNTERS)})"
        return f"{self.random.choice(_GROUPING)} {modifier} ({self.vector(depth)})"

    def _with_scalar(self, depth: int) -> str:
        operator = self.random.choice(("+", "-", "*", "/", "^"))
        sides = [f"({self.vector(depth)})", self.scalar()]
        self.random.shuffle(sides)
        return f" {operator} ".join(sides)

    def _comparison(self, depth: int) -> str:
        operator = self.random.choice(_COMPARING) + self.random.choice(("", "", " bool"))
        sides = [f"({self.vector(depth)})", self.scalar()]
        self.random.shuffle(sides)
        return f" {operator} ".join(sides)

    def _same_sides(self, depth: int) -> str:
        """Two sides with the same labels, so that each finds its like."""
        labels = self.random.choice(("job", "job, instance"))
        operator = self.random.choice(("+", "-", "*", "/", "> bool", "<", ">="))
        one, other = (f"{self.random.choice(_GROUPING)} by ({labels}) ({self.vector(depth)})" for _ in range(2))
        matching = self.random.choice(("", f"on ({labels})", "ignoring (state)", "on (job)"))
        return f"{one} {operator} {matching} {other}"

    def _lent(self, depth: int) -> str:
        """Many on one side, one on the other, which may lend a label."""
        many, one = self.vector(depth), f"max by (job) ({self.vector(depth)})"
        operator = self.random.choice(("+", "*", "/", "> bool", "<"))
        include = self.random.choice(("()", "()", "(result)", "(instance, state)"))
        if self.random.random() < 0.5:
            return f"({many}) {operator} on (job) group_left {include} ({one})"
        return f"({one}) {operator} on (job) group_right {include} ({many})"

    def _set(self, depth: int) -> str:
        operator = self.random.choice(("and", "or", "unless"))
        matching = self.random.choice(("", f"on ({self._labels()})", f"ignoring ({self._labels()})"))
        return f"({self.vector(depth)}) {operator} {matching} ({self.vector(depth)})"

    def _element(self, depth: int) -> str:
        """Rounding functions apply to scraped samples only: elsewhere a rounding error would change results."""
        choice = self.random.random()
        if choice < 0.4:
            return f"{self.random.choice(_ELEMENTS)}({self._selector()})"
        if choice < 0.5:
            return f"round({self._selector()}, {self.random.choice((0.5, 10))})"
        if choice < 0.6:
            return f"({self._selector()}) % {self.random.choice((2.5, -7))}"
        if choice < 0.8:
            return f"-({self.vector(depth)})"
        bounds = self.random.choice(("clamp({}, 5, 50)", "clamp({}, 5, 1)", "clamp_min({}, 20)", "clamp_max({}, 20)"))
        return bounds.format(self.vector(depth))

    def _special(self, depth: int) -> str:
        choice = self.random.random()
        if choice < 0.3:
            buckets = f"rate({self._window('seconds_bucket')})"
            modifier = self.random.choice(("by (le)", "by (le, job)", "without (instance)"))
            grouped = self.random.choice((buckets, f"sum {modifier} ({buckets})"))
            return f"histogram_quantile({self.random.choice((-1, 0, 0.5, 0.95, 1, 2))}, {grouped})"
        if choice < 0.5:
            operand = self.random.choice((self._selector(), self.vector(depth), 'nothing{a="b",c!="d",e="f",e="g"}'))
            return f"absent({operand})"
        if choice < 0.6:
            return f"absent_over_time({self._window(self.random.choice(_SELECTORS))})"
        if choice < 0.8:
            return f"timestamp({self._selector()})"
        return f"vector({self.scalar()})"
