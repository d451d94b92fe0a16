"""Small SVG charts for self-contained pages: sparklines and time series with thresholds, gaps and marks. Pure.

Colours come from the page's CSS through the classes named here and in `STYLE`, so that one chart serves light, dark and
print. Texts are escaped. A chart has a title for screen readers.

Units: times in Unix seconds, shown in UTC. Shape: a value of None breaks the line: unknown is no number. An infinite
value is drawn at the upper edge.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from itertools import groupby

from exporter.core.humanize import format_value, moment

Points = Sequence[tuple[float, float | None]]

WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 66, 22, 16, 26
SPARK_WIDTH, SPARK_HEIGHT = 160, 36
# A screen shows no more columns: each keeps its first, least, greatest and last value.
COLUMNS = 360
TICKS_Y, TICKS_X = 4, 6
# Times with seconds are wide.
TICKS_X_SECONDS = 4.5
# Half the width of a character of a time, in units of the picture, where its font is largest: on a phone.
HALF_CHARACTER = 4.4
# Steps of an axis of time, in seconds: people count in minutes, hours and days.
TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 14400, 21600, 43200),
    *(86400, 2 * 86400, 7 * 86400),
)
# The units of such an axis, the largest first.
TIME_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_DAY = 86400
# An axis of more than two days has dates in place of times.
_CLOCK_SPAN = 2 * _DAY
# An axis of less than ten minutes has seconds.
_SECONDS_SPAN = 600
# A threshold this many times above the highest value would flatten the line; it is written as text instead.
NEAR = 8
# Room above the highest value, and the smallest height of an axis whose values are all 0.
HEADROOM, LEAST_TOP = 1.08, 1.0
# Beyond these an axis is drawn like the next one within: floats cannot represent its ticks.
_HIGHEST, _LOWEST_STEP = 1e300, 1e-300

# Units in the picture: the period of the stripes, the height of the bar above a breach, the least width of a period.
STRIPES, BAR, LEAST_WIDTH = 9, 4, 3

STYLE = """
.plot { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif }
.plot text { fill: var(--soft) } .plot .grid { stroke: var(--line); stroke-width: 1 }
.plot .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; vector-effect: non-scaling-stroke }
.plot .dot { stroke: none } .plot .area { opacity: .12; stroke: none }
.plot .n0 { stroke: var(--plot-0); fill: var(--plot-0) } .plot .n1 { stroke: var(--plot-1); fill: var(--plot-1) }
.plot .n2 { stroke: var(--plot-2); fill: var(--plot-2) } .plot .n3 { stroke: var(--plot-3); fill: var(--plot-3) }
.plot .line { fill: none }
.plot .threshold { stroke: var(--bad); stroke-width: 1.4; stroke-dasharray: 6 4 }
.plot .threshold-label { fill: var(--bad); stroke: var(--card); stroke-width: 6; paint-order: stroke }
.plot .gap { stroke: var(--soft) } .plot .maintenance { stroke: var(--plot-3) }
.plot .breach { fill: var(--bad); opacity: .18 } .plot .bar { fill: var(--bad) }
.plot .change { fill: var(--plot-1); opacity: .6 }
.plot .edge { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke }
"""


class SpanKind(StrEnum):
    """The kind of a marked period; the name of its CSS class. Each has a pattern: colour alone is not for everybody."""

    GAP = "gap"  # stripes that lie
    MAINTENANCE = "maintenance"  # stripes that stand
    BREACH = "breach"  # shaded, below a bar
    CHANGE = "change"  # shaded


@dataclass(frozen=True, slots=True)
class Span:
    """A period to mark, Unix seconds, with its tooltip."""

    mark: SpanKind
    start: float
    end: float
    label: str


@dataclass(frozen=True, slots=True)
class ChartThreshold:
    """A level to draw, dashed."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One series."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart over [start, end]. `unit` is seconds, ratio, boolean, or the name of the counted objects."""

    title: str
    unit: str
    start: float
    end: float
    lines: tuple[ChartLine, ...]
    thresholds: tuple[ChartThreshold, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """From time and value to the picture's coordinates."""

    start: float
    end: float
    top: float
    left: float
    right: float
    upper: float
    lower: float

    def x(self, at: float) -> float:
        share = (at - self.start) / max(self.end - self.start, 1e-9)
        if math.isnan(share):  # of a time without beginning or end
            share = 0.0
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        share = 1.0 if value >= self.top else max(value / self.top, 0.0)
        return self.lower - share * (self.lower - self.upper)


def chart(spec: Chart) -> str:
    """The plot as an SVG element that fills the width it is given."""
    highest = max((value for line in spec.lines for value in _finite(line.points)), default=0.0)
    near = [level for level in spec.thresholds if level.value <= NEAR * highest or highest == 0]
    step = _nice_step(max([highest, *(level.value for level in near)]), spec.unit)
    top = TICKS_Y * step
    frame = _Frame(spec.start, spec.end, top, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM)
    parts = [
        *_grid(frame, step, spec.unit),
        *(_span(frame, span) for span in spec.spans if span.end > spec.start and span.start < spec.end),
        *(part for index, line in enumerate(spec.lines) for part in _line(frame, line.points, index)),
        *(part for level in near for part in _threshold(frame, level, spec.unit)),
        _distant_thresholds([level for level in spec.thresholds if level not in near], spec.unit),
    ]
    return _svg(WIDTH, HEIGHT, _describe(spec), parts)


def legend_mark(mark: SpanKind) -> str:
    """A small picture of how periods of this kind are drawn, for a legend."""
    frame = _Frame(0, 1, 1, 0, 24, 0, 16)
    return f'<svg class="plot" viewBox="0 0 24 16" aria-hidden="true">{_pattern(frame, mark, 0, 24)}</svg>'


def sparkline(points: Points, start: float, end: float, label: str) -> str:
    """A chart without axes, for use beside a number; `label` is its description."""
    top = TICKS_Y * _nice_step(max(_finite(points), default=0.0), "ratio")
    frame = _Frame(start, end, top, 2, SPARK_WIDTH - 2, 3, SPARK_HEIGHT - 3)
    edge = f'<line class="edge" x1="2" x2="{SPARK_WIDTH - 2}" y1="{SPARK_HEIGHT - 2}" y2="{SPARK_HEIGHT - 2}"/>'
    return _svg(SPARK_WIDTH, SPARK_HEIGHT, label, [edge, *_line(frame, points, 0)], ' preserveAspectRatio="none"')


def _finite(points: Points) -> list[float]:
    return [value for _, value in points if value is not None and math.isfinite(value)]


def _nice_step(highest: float, unit: str) -> float:
    """The distance of two ticks: a round number, with room above the highest value. Counted objects are whole."""
    step = min(highest, _HIGHEST) * HEADROOM / TICKS_Y
    if step < _LOWEST_STEP:
        step = LEAST_TOP / TICKS_Y
    if unit == "seconds" and TIME_STEPS[0] <= step <= TIME_STEPS[-1]:
        return next(each for each in TIME_STEPS if each >= step)
    if unit == "seconds" and step > TIME_STEPS[-1]:
        return _DAY * _nice_step(highest / _DAY, "days")
    if unit == "boolean":
        return 1 / TICKS_Y
    if unit == "ratio" and highest <= 1 < TICKS_Y * step * 1.5:
        return 1 / TICKS_Y
    if unit not in ("seconds", "ratio") and " per " not in unit:
        step = max(step, 1.0)
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(each for each in (1, 2, 5, 10) if each * power >= step)


def _tick_label(value: float, step: float, unit: str) -> str:
    """The value at a tick, in the unit of the steps, so that all ticks have the same one."""
    if unit == "boolean":
        return {0.0: "no", 1.0: "yes"}.get(value, "")
    if unit == "ratio":
        return f"{value * 100:.4g} %" if value < _LARGEST_EXACT else format_value(value, unit)
    if unit != "seconds":
        return format_value(value, unit)
    if step < TIME_UNITS[-1][0]:
        return f"{value:.3g} s" if step >= 0.1 else f"{value * 1000:.3g} ms"  # noqa: PLR2004 - a tenth of a second
    size, name = next(each for each in TIME_UNITS if step >= each[0])
    return f"{value / size:,.4g} {name}"


# Above this ratio a tick is written by its magnitude.
_LARGEST_EXACT = 100.0


def _grid(frame: _Frame, step: float, unit: str) -> Iterator[str]:
    for index in range(TICKS_Y + 1):
        value = step * index
        y = frame.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(_tick_label(value, step, unit))}</text>'
    for at in _time_ticks(frame.start, frame.end):
        text = moment(at, _clock(frame.end - frame.start))
        if frame.x(at) + HALF_CHARACTER * len(text) > WIDTH:  # the last one would be cut
            continue
        yield f'<text x="{frame.x(at):.1f}" y="{HEIGHT - 7}" text-anchor="middle">{text}</text>'


def _clock(span: float) -> str:
    """The form of the times below a chart of so many seconds."""
    if span < _SECONDS_SPAN:
        return "%H:%M:%S"
    return "%H:%M" if span <= _CLOCK_SPAN else "%m-%d"


def _time_ticks(start: float, end: float) -> Iterator[float]:
    span = end - start
    if not 0 <= span < math.inf:
        return
    least = 0 if span <= _CLOCK_SPAN else _DAY
    most = TICKS_X_SECONDS if span < _SECONDS_SPAN else TICKS_X
    step = next((each for each in TIME_STEPS if each >= least and span / each <= most), span / most)
    first = math.ceil(start / step) * step
    yield from (at for at in (first + place * step for place in range(TICKS_X + 1)) if at <= end)


def _span(frame: _Frame, span: Span) -> str:
    left = frame.x(span.start)
    width = max(frame.x(span.end) - left, LEAST_WIDTH)  # a second of a day must not vanish
    return f"<g><title>{escape(span.label)}</title>{_pattern(frame, span.mark, left, width)}</g>"


def _pattern(frame: _Frame, mark: SpanKind, left: float, width: float) -> str:
    """Stripes are the dashes of one thick line, which needs no reference to a pattern elsewhere in the page."""
    height, middle = frame.lower - frame.upper, (frame.lower + frame.upper) / 2
    dashes = f'stroke-dasharray="1.5 {STRIPES - 1.5:g}"'
    if mark is SpanKind.MAINTENANCE:
        ends = f'x1="{left:.1f}" x2="{left + width:.1f}" y1="{middle:g}" y2="{middle:g}"'
        return f'<line class="{mark}" {ends} stroke-width="{height:g}" {dashes}/>'
    if mark is SpanKind.GAP:
        centre = f"{left + width / 2:.1f}"
        ends = f'x1="{centre}" x2="{centre}" y1="{frame.upper:g}" y2="{frame.lower:g}"'
        return f'<line class="{mark}" {ends} stroke-width="{width:.1f}" {dashes}/>'
    box = f'x="{left:.1f}" y="{frame.upper:g}" width="{width:.1f}"'
    area = f'<rect class="{mark}" {box} height="{height:g}"/>'
    return area if mark is SpanKind.CHANGE else f'{area}<rect class="bar" {box} height="{BAR}"/>'


def _threshold(frame: _Frame, level: ChartThreshold, unit: str) -> Iterator[str]:
    y = frame.y(level.value)
    text = escape(f"{level.label} {format_value(level.value, unit)}")
    yield f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    above = y - 4 if y - 4 > TOP + 6 else y + 12
    yield f'<text class="threshold-label" x="{WIDTH - RIGHT}" y="{above:.1f}" text-anchor="end">{text}</text>'


def _distant_thresholds(levels: Sequence[ChartThreshold], unit: str) -> str:
    if not levels:
        return ""
    text = escape("; ".join(f"{level.label} at {format_value(level.value, unit)}, above" for level in levels))
    return f'<text class="threshold-label" x="{WIDTH - RIGHT}" y="{TOP + 12}" text-anchor="end">{text}</text>'


def _line(frame: _Frame, points: Points, index: int) -> Iterator[str]:
    for stretch in _known_runs(points):
        drawn = [(frame.x(at), frame.y(value)) for at, value in _downsampled(stretch, frame.start, frame.end)]
        if len(drawn) == 1:
            x, y = drawn[0]
            yield f'<circle class="dot n{index % 4}" cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>'
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        if index == 0:
            base = f"{frame.lower:.1f}"
            yield f'<polygon class="area n0" points="{drawn[0][0]:.1f},{base} {path} {drawn[-1][0]:.1f},{base}"/>'
        yield f'<polyline class="line n{index % 4}" points="{path}"/>'


def _known_runs(points: Points) -> Iterator[list[tuple[float, float]]]:
    """Runs of known values, at known times."""

    def is_known(point: tuple[float, float | None]) -> bool:
        at, value = point
        return math.isfinite(at) and value is not None and not math.isnan(value)

    for known, run in groupby(points, key=is_known):
        if known:
            yield [(at, value) for at, value in run if value is not None]


def _downsampled(stretch: Sequence[tuple[float, float]], start: float, end: float) -> Iterator[tuple[float, float]]:
    """At most four points for each column: no peak and no edge is lost."""
    size = max((end - start) / COLUMNS, 1e-9)

    def place(point: tuple[float, float]) -> int:
        share = (point[0] - start) / size
        return 0 if math.isnan(share) else math.floor(min(max(share, -1), COLUMNS))

    for _, run in groupby(stretch, key=place):
        column = list(run)
        least = min(range(len(column)), key=lambda each: column[each][1])
        greatest = max(range(len(column)), key=lambda each: column[each][1])
        yield from (column[each] for each in sorted({0, least, greatest, len(column) - 1}))


def _describe(spec: Chart) -> str:
    ranges = []
    for line in spec.lines:
        known = _finite(line.points)
        low, high = (format_value(each, spec.unit) for each in (min(known), max(known))) if known else ("", "")
        ranges.append(f"{line.name} {low} to {high}" if known else f"{line.name}: nothing known")
    period = f"{moment(spec.start, '%Y-%m-%d %H:%M')} to {moment(spec.end, '%Y-%m-%d %H:%M')} UTC"
    return f"{spec.title}, {period}: {'; '.join(ranges)}"


def _svg(width: int, height: int, label: str, parts: Iterable[str], more: str = "") -> str:
    text = escape(label)
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}"{more} role="img" aria-label="{text}">'
        f"<title>{text}</title>{''.join(parts)}</svg>"
    )
