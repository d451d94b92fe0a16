"""The kinds of panels, as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.builder import panels
from dashboards.builder.limits import Limit
from dashboards.builder.meanings import NEVER, map_from, map_value
from dashboards.builder.panels import PanelQuery, TableColumn

LIMITS = (Limit(500, "orange"), Limit(1000, "red"))
ONE = PanelQuery("up", "it")


def made(panel: Any) -> dict[str, Any]:
    """The panel as Grafana reads it."""
    loaded: dict[str, Any] = json.loads(json.dumps(panel.build(), cls=JSONEncoder))
    return loaded


def override(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """The overrides for the series or column of this name."""
    found: dict[str, Any] = {}
    for one in panel["fieldConfig"]["overrides"]:
        if one["matcher"] == {"id": "byName", "options": name}:
            found |= {change["id"]: change["value"] for change in one["properties"]}
    return found


def test_a_number_is_that_of_now():
    """Asked for this moment: the last of a line that has ended is the past."""
    panel = made(panels.number("Backlog", "How much.", "max(x) or vector(NaN)", LIMITS))
    (target,) = panel["targets"]
    assert (target["instant"], target["range"]) == (True, False)
    assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
    steps = [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert steps == [(None, "green"), (500, "orange"), (1000, "red")]


def test_a_missing_number_has_a_text():
    """With its own text where there is one."""
    plain = made(panels.number("Backlog", "How much.", "x"))["fieldConfig"]["defaults"]
    assert plain["noValue"] == "unknown"
    assert plain["mappings"][-1]["options"] == {
        "match": "null+nan",
        "result": {"color": "text", "index": 2, "text": "unknown"},
    }
    own = made(
        panels.with_texts(
            panels.number("Time left", "Until then.", "x"), map_value(0, "over", "text"), unknown="no watch"
        )
    )
    assert [mapping["type"] for mapping in own["fieldConfig"]["defaults"]["mappings"]] == ["value", "special"]
    assert own["fieldConfig"]["defaults"]["noValue"] == "no watch"


def test_an_infinite_time_is_never():
    """Infinity and whatever is too long to wait for, in JSON that every reader takes."""
    mapping = json.loads(json.dumps(map_from(NEVER, "never", "red"), cls=JSONEncoder, allow_nan=False))
    assert mapping["type"] == "range"
    assert mapping["options"]["from"] == NEVER
    assert mapping["options"].get("to") is None


def test_lines_are_interrupted_where_values_are_missing():
    """Never joined over a gap."""
    panel = made(panels.lines("A", "B.", ONE))
    assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
    assert panel["targets"][0]["range"] is True


def test_thresholds_are_dashed_lines_in_view():
    """The axis reaches beyond the highest."""
    panel = made(panels.with_thresholds(panels.lines("A", "B.", ONE), LIMITS))
    defaults = panel["fieldConfig"]["defaults"]
    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 500, 1000]
    assert defaults["custom"]["thresholdsStyle"] == {"mode": "dashed"}
    assert defaults["custom"]["axisSoftMax"] > 1000


@pytest.mark.parametrize(("zero", "kind"), [(False, "log"), (True, "symlog")])
def test_a_hidden_line_extends_a_logarithmic_axis(zero, kind):
    """Since no soft maximum moves such an axis; it is in no legend and no tooltip."""
    panel = made(panels.log_scale(panels.lines("A", "B.", ONE), LIMITS, zero=zero))
    assert panel["fieldConfig"]["defaults"]["custom"]["scaleDistribution"]["type"] == kind
    assert panel["targets"][-1]["expr"] == "vector(1000)"
    overridden = override(panel, panel["targets"][-1]["legendFormat"])
    assert overridden["custom.hideFrom"] == {"legend": True, "tooltip": True, "viz": False}
    assert overridden["custom.lineWidth"] == 0


def test_small_ticks_of_a_logarithmic_axis_have_no_zeros_behind():
    """Grafana would write 0.0100 min. Its own units have their own texts."""

    def texts(unit: str) -> dict[str, str]:
        panel = made(panels.log_scale(panels.lines("A", "B.", ONE, unit=unit)))
        options = [each["options"] for each in panel["fieldConfig"]["defaults"].get("mappings", ())]
        return {value: found["text"] for each in options for value, found in each.items()}

    assert texts("suffix:min") == {"0.001": "0.001 min", "0.01": "0.01 min", "0.1": "0.1 min"}
    assert texts("short") == {}


def test_colours_are_of_names():
    """So that failing is orange at any position in the list."""
    panel = made(panels.lines("A", "B.", ONE, colours={"it": "orange"}))
    assert override(panel, "it")["color"] == {"mode": "fixed", "fixedColor": "orange"}


def test_a_timeline_takes_its_colours_from_mappings():
    """Grafana ignores them where thresholds give the colours."""
    panel = made(panels.timeline("A", "B.", ONE, states=[map_value(1, "yes", "green")]))
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["color"]["mode"] == "fixed"
    assert defaults["mappings"][0]["options"]["1"]["text"] == "yes"
    assert panel["options"]["mergeValues"] is True


def test_a_heatmap_shows_the_buckets_that_there_are():
    """Prometheus' own, not ones that Grafana reckons."""
    panel = made(panels.heat_map("A", "B.", PanelQuery("sum by (le) (x)", "{{le}}"), "s"))
    assert panel["options"]["calculate"] is False
    assert panel["targets"][0]["format"] == "heatmap"


def test_bars_are_of_now_or_the_worst():
    """An unknown value has no bar; the worst of the time range may be long ago."""
    now, worst = made(panels.bar_gauges("A", "B.", ONE)), made(panels.worst_bar_gauges("A", "B.", ONE))
    assert now["targets"][0]["instant"] is True
    assert worst["targets"][0]["range"] is True
    assert worst["options"]["reduceOptions"]["calcs"] == ["max"]


def test_a_table_shows_the_named_columns_alone():
    """In that order, under their headings, each of the queries joined by its labels."""
    columns = (
        TableColumn("queue", "Queue"),
        TableColumn("Value #A", "Jobs", "short", limits=LIMITS),
        TableColumn("Value #B", "Age", "s"),
    )
    panel = made(panels.data_table("A", "B.", "Nothing waits.", columns, PanelQuery("x"), PanelQuery("y")))
    steps = {step["id"]: step["options"] for step in panel["transformations"]}
    assert list(steps) == ["merge", "filterFieldsByName", "organize"]
    assert steps["filterFieldsByName"] == {"include": {"names": ["queue", "Value #A", "Value #B"]}}
    assert steps["organize"]["renameByName"] == {"queue": "Queue", "Value #A": "Jobs", "Value #B": "Age"}
    assert override(panel, "Age")["unit"] == "s"
    assert override(panel, "Jobs")["noValue"] == "none"
    assert override(panel, "Jobs")["custom.cellOptions"] == {"type": "color-text"}
    assert panel["fieldConfig"]["defaults"]["noValue"] == "Nothing waits."
