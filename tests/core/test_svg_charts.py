"""Plots: true to their points, light, and safe whatever the texts are."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from exporter.core import svg_charts
from exporter.core.svg_charts import Chart, ChartLine, ChartThreshold, Span, SpanKind

START = 1_763_800_000.0
DAY = 86_400.0


def drawn(svg: str) -> ET.Element:
    """The picture, parsed: it has to be well-formed XML."""
    return ET.fromstring(svg)


def coordinates(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each stretch of line."""
    stretches = (line.get("points", "") for line in drawn(svg).iter("polyline"))
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in each.split())] for each in stretches]


def make(points: svg_charts.Points, thresholds: tuple[ChartThreshold, ...] = (), spans: tuple[Span, ...] = ()) -> Chart:
    return Chart("Backlog", "jobs", START, START + DAY, (ChartLine("backlog", points),), thresholds, spans)


def a_day(value: float = 10.0) -> list[tuple[float, float | None]]:
    return [(START + 15 * tick, value) for tick in range(5760)]


def test_a_peak_of_one_sample_in_a_day_is_drawn():
    """Thinning out keeps the least and the greatest value of each column."""
    points = a_day()
    points[3210] = (points[3210][0], 1000.0)
    (stretch,) = coordinates(svg_charts.chart(make(points)))
    heights = [y for _, y in stretch]
    assert min(heights) < min(y for y in heights if y != min(heights)) - 50
    assert len(stretch) <= 4 * svg_charts.COLUMNS


def test_an_unknown_value_breaks_the_line():
    """A gap is neither 0 nor bridged; a lone value between two gaps is a dot."""
    points = a_day()
    points[100:200] = [(at, None) for at, _ in points[100:200]]
    points[150] = (points[150][0], 10.0)
    svg = svg_charts.chart(make(points))
    assert len(coordinates(svg)) == 2
    assert len(list(drawn(svg).iter("circle"))) == 1


def test_without_values_the_chart_has_a_message_and_no_line():
    svg = svg_charts.chart(make([(at, None) for at, _ in a_day()]))
    assert coordinates(svg) == []
    assert "nothing known" in drawn(svg).get("aria-label", "")


def test_the_infinite_is_drawn_at_the_edge():
    """A drain time without completions is infinite; the line runs along the top."""
    points = [(START, 10.0), (START + 60, math.inf), (START + 120, 10.0)]
    (stretch,) = coordinates(svg_charts.chart(make(points)))
    assert stretch[1][1] == svg_charts.TOP


def test_texts_from_outside_stay_texts():
    """Queue names and labels are other people's: none of them becomes an element."""
    evil = '"><script>alert(1)</script>'
    asked = Chart(evil, evil, START, START + DAY, (ChartLine(evil, a_day()),), (ChartThreshold(5, evil),),
                  (Span(SpanKind.GAP, START, START + 60, evil),))  # fmt: skip
    elements = {element.tag for element in drawn(svg_charts.chart(asked) + "").iter()}
    assert elements <= {"svg", "title", "g", "line", "text", "rect", "polygon", "polyline", "circle"}
    drawn(svg_charts.sparkline(a_day(), START, START + DAY, evil))


def test_thresholds_are_at_the_height_of_their_value():
    """A value equal to the threshold lies on the dashed line."""
    svg = svg_charts.chart(make(a_day(500), thresholds=(ChartThreshold(500, "ticket"), ChartThreshold(1e6, "page"))))
    (level,) = (line for line in drawn(svg).iter("line") if line.get("class") == "threshold")
    (stretch,) = coordinates(svg)
    assert float(level.get("y1", "nan")) == pytest.approx(stretch[0][1], abs=0.1)
    assert "page at 1,000,000, above" in svg


def test_short_stretches_of_time_are_visible_and_others_left_out():
    """A second of a day is wider than a pixel; points outside are not drawn."""
    spans = (
        Span(SpanKind.BREACH, START + 10, START + 11, "short"),
        Span(SpanKind.GAP, START - 90, START - 60, "before"),
    )
    picture = drawn(svg_charts.chart(make(a_day(), spans=spans)))
    shade, bar = picture.iter("rect")
    assert (shade.get("class"), bar.get("class")) == ("breach", "bar")
    assert float(shade.get("width", "0")) >= 3
    assert [each.text for group in picture.iter("g") for each in group.iter("title")] == ["short"]


def test_each_kind_of_period_has_a_pattern():
    """Stripes that stand, stripes that lie, a shade below a bar, a shade: no two differ by colour alone."""
    marks = {mark: drawn(svg_charts.legend_mark(mark)) for mark in SpanKind}
    shapes = {mark: [each.tag for each in picture.iter() if each.tag != "svg"] for mark, picture in marks.items()}
    assert shapes == {
        SpanKind.GAP: ["line"],
        SpanKind.MAINTENANCE: ["line"],
        SpanKind.BREACH: ["rect", "rect"],
        SpanKind.CHANGE: ["rect"],
    }
    (gap,), (maintenance,) = (list(marks[mark].iter("line")) for mark in (SpanKind.GAP, SpanKind.MAINTENANCE))
    assert gap.get("x1") == gap.get("x2")
    assert maintenance.get("y1") == maintenance.get("y2")
    assert gap.get("stroke-dasharray") == maintenance.get("stroke-dasharray") == "1.5 7.5"


def test_everything_stays_inside_the_picture():
    svg = svg_charts.chart(make([(START - 500, 3.0), (START + 2 * DAY, 1e9)], thresholds=(ChartThreshold(-3, "odd"),)))
    for stretch in coordinates(svg):
        assert all(0 <= x <= svg_charts.WIDTH and 0 <= y <= svg_charts.HEIGHT for x, y in stretch)


def test_a_whole_day_weighs_little():
    """Twelve charts of a report stay far below a megabyte."""
    noisy: list[tuple[float, float | None]] = [(at, (n * 7919) % 1000) for n, (at, _) in enumerate(a_day())]
    assert len(svg_charts.chart(make(noisy))) < 50_000
    assert len(svg_charts.sparkline(noisy[-240:], START + DAY - 3600, START + DAY, "x")) < 8_000


def test_the_axis_of_time_counts_in_round_steps():
    """Hours on a day, in UTC."""
    svg = svg_charts.chart(make(a_day()))
    assert re.findall(r">(\d\d:\d\d)<", svg) == ["12:00", "16:00", "20:00", "00:00", "04:00", "08:00"]


@pytest.mark.parametrize(
    ("unit", "highest", "labels"),
    [
        ("jobs", 0, ["0", "1", "2", "3", "4"]),
        ("jobs", 3, ["0", "1", "2", "3", "4"]),
        ("jobs", 1428, ["0", "500", "1,000", "1,500", "2,000"]),
        ("jobs per second", 1.2, ["0", "0.5", "1", "1.5", "2"]),
        ("seconds", 0, ["0 s", "0.5 s", "1 s", "1.5 s", "2 s"]),
        ("seconds", 0.01, ["0 ms", "5 ms", "10 ms", "15 ms", "20 ms"]),
        ("seconds", 490, ["0 min", "5 min", "10 min", "15 min", "20 min"]),
        ("seconds", 6500, ["0 min", "30 min", "60 min", "90 min", "120 min"]),
        ("seconds", 30 * 86400, ["0 d", "10 d", "20 d", "30 d", "40 d"]),
        ("ratio", 0.006, ["0 %", "0.2 %", "0.4 %", "0.6 %", "0.8 %"]),
        ("ratio", 0.9, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
        ("boolean", 1, ["no", None, None, None, "yes"]),
        ("ratio", 3, ["0 %", "100 %", "200 %", "300 %", "400 %"]),
    ],
)
def test_the_ticks_of_an_axis_are_round_and_of_one_unit(unit, highest, labels):
    """Counted objects have no decimals, and a share is not above 100 % unless its values are."""
    spec = Chart("Signal", unit, START, START + DAY, (ChartLine("line", a_day(highest)),))
    texts = [each.text for each in drawn(svg_charts.chart(spec)).iter("text") if each.get("text-anchor") == "end"]
    assert texts == labels


@pytest.mark.parametrize(
    ("seconds", "first"), [(300, "08:28:00"), (DAY, "12:00"), (3 * DAY, "11-23"), (40 * DAY, "11-27")]
)
def test_the_axis_of_time_shows_dates_beyond_two_days(seconds, first):
    """And seconds below ten minutes."""
    assert times(seconds)[0][0] == first


@pytest.mark.parametrize("seconds", [60, 200, 240, 300, 310, 490, 500, 599, 600, 3600, DAY, 3 * DAY])
def test_the_times_of_an_axis_have_room(seconds):
    """On a phone a digit is 10 units wide, and a space is between two labels."""
    labels = times(seconds)
    assert len(labels) > 1
    assert all(right - left > 10 * len(text) for (text, left), (_, right) in pairwise(labels))
    assert all(place + 4.4 * len(text) <= 480 for text, place in labels)


def times(seconds: float) -> list[tuple[str, float]]:
    """The times below a chart of so many seconds, and their places."""
    svg = svg_charts.chart(Chart("Signal", "jobs", START, START + seconds, (ChartLine("line", a_day()),)))
    middle = (each for each in drawn(svg).iter("text") if each.get("text-anchor") == "middle")
    return [(each.text or "", float(each.get("x", "nan"))) for each in middle]
