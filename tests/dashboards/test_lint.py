"""The rules of Grafana's dashboard-linter, also where it skips panels (tables, bar gauges, counters with matchers)."""

from __future__ import annotations

import json
import re

import pytest

from tests.alerts.expressions import counted
from tests.dashboards.reading import ALL, FILES, filled, load_dashboard, panels, selectors

# The kinds that Grafana 10 to 13 all have, and none of Angular's.
KINDS = {"stat", "timeseries", "state-timeline", "heatmap", "bargauge", "table", "text"}
# Those of Grafana's units that we use.
UNITS = {"short", "locale", "s", "suffix:s", "suffix:min", "percentunit", "bytes", "dateTimeAsIso"}
COUNTING = {"rate", "increase", "resets"}
OF_PANELS = [query for query in ALL if query.panel]
PARTS = ("_total", "_bucket", "_count", "_sum")


@pytest.fixture(params=FILES)
def dashboard(request):
    return load_dashboard(request.param)


def test_a_dashboard_is_readable_by_grafana_10(dashboard):
    """The classic form, at a version that Grafana 10 knows; no numeric id, a uid that stays, nothing to edit."""
    assert dashboard["schemaVersion"] == 39
    assert dashboard.get("id") is None
    assert re.fullmatch(r"outbox-[a-z-]+", dashboard["uid"])
    assert dashboard["editable"] is False
    assert dashboard["title"]
    assert dashboard["description"]


def test_a_page_has_a_shared_crosshair_utc_and_a_refresh(dashboard):
    """As agreed for every page."""
    assert dashboard["graphTooltip"] == 1
    assert dashboard["timezone"] == "utc"
    assert dashboard["refresh"] in {"30s", "1m"}
    assert dashboard["time"]["to"] == "now"


def test_the_uids_are_apart():
    """And stay: others link to them."""
    uids = [load_dashboard(file)["uid"] for file in FILES]
    assert uids == ["outbox-overview", "outbox-migration-watch", "outbox-exporter-health"]


def test_the_data_source_is_a_variable(dashboard):
    """template-datasource-rule."""
    (source,) = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "datasource"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_are_variables(dashboard, name):
    """template-job-rule, template-instance-rule, template-on-time-change-reload-rule."""
    (variable,) = [variable for variable in dashboard["templating"]["list"] if variable["name"] == name]
    assert variable["type"] == "query"
    assert variable["label"] == name.title()
    assert variable["datasource"]["uid"] == "$datasource"
    assert variable["multi"] is True
    assert variable["includeAll"] is True
    assert variable["allValue"] == ".+"
    assert variable["refresh"] == 2


def test_every_panel_has_a_title_and_a_description(dashboard):
    """panel-title-description-rule, for every kind; a description is at least a sentence."""
    for panel in panels(dashboard):
        assert panel["title"]
        assert re.search(r"\w{2}.*[.)]$", panel["description"], re.DOTALL), panel["title"]


def test_every_panel_is_of_a_kind_that_lasts(dashboard):
    """No Angular, nothing that came or went between Grafana 10 and 13."""
    assert {panel["type"] for panel in panels(dashboard)} <= KINDS


def test_every_panel_uses_the_selected_source(dashboard):
    """panel-datasource-rule and panel-no-targets-rule; text has no query."""
    for panel in panels(dashboard):
        if panel["type"] == "text":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        assert panel["targets"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs))


def test_every_unit_is_one_of_grafanas(dashboard):
    """panel-units-rule, overrides and the axis of a heatmap included."""
    for panel in panels(dashboard):
        if panel["type"] in {"text", "table"}:
            units = set()
        elif panel["type"] == "heatmap":
            units = {panel["options"]["yAxis"]["unit"]}
        else:
            units = {panel["fieldConfig"]["defaults"]["unit"]}
        units |= {
            change["value"]
            for override in panel.get("fieldConfig", {}).get("overrides", ())
            for change in override["properties"]
            if change["id"] == "unit"
        }
        assert units <= UNITS, panel["title"]


def test_every_panel_explains_no_data(dashboard):
    """Grafana's own "No data" does not explain itself."""
    for panel in panels(dashboard):
        if panel["type"] != "text":
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


def test_every_query_is_promql():
    """target-promql-rule, template-label-promql-rule: it parses, once Grafana has filled it in."""
    for query in ALL:
        assert selectors(filled(query.expr)) or query.expr.startswith("vector("), str(query)


def test_every_selector_has_the_selected_job_and_instance():
    """target-job-rule, target-instance-rule, in tables and bar gauges too. Alerts have no instance."""
    for query in OF_PANELS:
        for selector in selectors(query.expr.replace("$__rate_interval", "1m")):
            wanted = {("job", "=~", "$job"), ("instance", "=~", "$instance")}
            if selector.name == "ALERTS":
                wanted.remove(("instance", "=~", "$instance"))
            assert wanted <= set(selector.matchers), f"{query}: {selector}"


def test_counters_are_counted():
    """target-counter-agg-rule, which the linter skips for a selector with matchers.

    Presence checks and comparisons with 0 are allowed, as they do not read the value.
    """
    for query in ALL:
        for selector in selectors(counted(filled(query.expr))):
            if selector.name.endswith(PARTS):
                asked_for_presence = selector.window is None and re.search(r"\band max|0 \* max|> bool 0", query.expr)
                assert selector.inside in COUNTING or asked_for_presence, f"{query}: {selector}"
            else:
                assert selector.inside not in {"rate", "increase"}, f"{query}: {selector}"


def test_rates_follow_the_picture():
    """target-rate-interval-rule; policy expressions are an increase over the policy's window."""
    for query in OF_PANELS:
        for selector in selectors(filled(query.expr, __rate_interval="7777s")):
            if selector.inside in {"rate", "irate"}:
                assert selector.window == 7777, f"{query}: {selector}"


def test_panels_do_not_overlap(dashboard):
    """Inside of 24 columns, none on another, no hole between two shelves; each with a number of its own."""
    everything = [*dashboard["panels"], *(inner for row in dashboard["panels"] for inner in row.get("panels", ()))]
    numbers = [panel["id"] for panel in everything]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(0 <= x < 24 for x, _ in cells), panel["title"]
        taken |= cells
    assert {y for _, y in taken} == set(range(max(y for _, y in taken) + 1))


def test_no_panel_is_too_small_to_read(dashboard):
    """Three columns of a narrow screen hold no title."""
    for panel in panels(dashboard):
        least = {"stat": 4, "timeseries": 6, "heatmap": 8, "table": 7, "state-timeline": 8, "bargauge": 8, "text": 12}
        assert panel["gridPos"]["w"] >= least[panel["type"]], panel["title"]


def test_links_keep_time_and_picks(dashboard):
    """From every page to the others."""
    (link,) = dashboard["links"]
    assert (link["type"], link["tags"]) == ("dashboards", ["outbox"])
    assert link["keepTime"] is True
    assert link["includeVars"] is True
    assert dashboard["tags"] == ["outbox"]


def test_nothing_of_this_machine_is_in_it(dashboard):
    """No address, no path, no name of a data source."""
    text = json.dumps(dashboard)
    assert not re.search(r"127\.0\.0\.1|localhost|https?://|/tmp/|/home/", text)
