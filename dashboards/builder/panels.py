"""The types of panels, in one style. Only types that Grafana 10 to 13 all have.

A description says what a panel shows, and what to do about it. A panel without data says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMapping,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from dashboards.builder.limits import Limit
from dashboards.builder.meanings import CALM, GOOD, NEUTRAL, map_missing, map_value

# Units of axes of time. Grafana's own unit of seconds writes 1000 s as 16.7 mins; these have round ticks.
SECONDS, MINUTES = "suffix:s", "suffix:min"
# Counted objects: 1,500. Grafana's unit `short` writes 1.5 K, and 2 K without decimals.
COUNT = "locale"
SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
UNKNOWN_TEXT = "unknown"
UNKNOWN = "Unknown: the exporter publishes no value. Its status page says why."
_HIDDEN_SERIES = "limit"
# Pixels. Narrower tables scroll sideways; the widest one fits a screen of 1280.
_NUMBER_WIDTH, _TEXT_WIDTH = 80, 140


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """A PromQL query with its legend in Grafana's format, as in `{{state}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: the label or query it shows, its heading, and the unit of a number."""

    field: str
    heading: str
    unit: str = ""
    limits: tuple[Limit, ...] = ()
    mappings: tuple[ValueMapping, ...] = ()
    width: int = 0
    link: str = ""


def number(title: str, description: str, query: str, limits: Sequence[Limit] = ()) -> stat.Panel:
    """The present value of a query, coloured by thresholds; `promql.worst` makes such queries.

    It is an instant query: the last value of a range may be an old one of a series that has ended.
    """
    panel = stat.Panel().title(title).description(description).datasource(SOURCE)
    panel.with_target(_target(PanelQuery(query, title), 0).instant())
    panel.graph_mode(models.BigValueGraphMode.NONE).color_mode(models.BigValueColorMode.VALUE)
    panel.justify_mode(models.BigValueJustifyMode.CENTER).reduce_options(_reduced_to("last"))
    return with_texts(panel.thresholds(steps(limits, GOOD if limits else NEUTRAL)).unit(COUNT).wide_layout(False))


def with_texts(panel: stat.Panel, *mappings: ValueMapping, unknown: str = UNKNOWN_TEXT) -> stat.Panel:
    """Texts in place of some values, and of no value."""
    return panel.mappings([*mappings, map_missing(unknown)]).no_value(unknown)


def verdict(title: str, description: str, query: str, *mappings: ValueMapping) -> stat.Panel:
    """One word on a coloured background."""
    panel = with_texts(number(title, description, query), *mappings)
    return panel.color_mode(models.BigValueColorMode.BACKGROUND_SOLID)


def lines(  # noqa: PLR0913 - the options that most panels have
    title: str,
    description: str,
    *queries: PanelQuery,
    unit: str = "short",
    colours: Mapping[str, str] = MappingProxyType({}),
    limits: Sequence[Limit] = (),
    empty: str = UNKNOWN,
) -> timeseries.Panel:
    """Lines over time, interrupted where values are missing. Dashed lines show the limits.

    Shape: `colours` by legend. `empty` is shown without data.
    """
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).no_value(empty)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    alone = len(queries) == 1 and "{{" not in queries[0].legend
    panel.fill_opacity(8 if alone else 0)
    panel.unit(unit).min(0).line_width(1.5).show_points(models.VisibilityMode.AUTO).span_nulls(False)
    panel.thresholds(steps((), "transparent")).axis_border_show(False)
    legend = common.VizLegendOptions().display_mode(models.LegendDisplayMode.LIST).show_legend(True).calcs([])
    panel.legend(legend.placement(models.LegendPlacement.BOTTOM))
    panel.tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING))
    if limits:
        with_thresholds(panel, limits)
    for name, colour in colours.items():
        panel.override_by_name(name, [fixed_colour(colour)])
    return panel


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Stacked areas."""
    return panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL).group("A")).fill_opacity(35)


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Stacked bars, for rare events."""
    return stacked(panel).draw_style(models.GraphDrawStyle.BARS).fill_opacity(70).line_width(0)


def with_thresholds(panel: timeseries.Panel, limits: Sequence[Limit]) -> timeseries.Panel:
    """Dashed lines at the limits. The axis reaches beyond the highest."""
    panel.thresholds(steps(limits, "transparent"))
    panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED))
    return panel.axis_soft_max(1.25 * max(limit.value for limit in limits))


def log_scale(panel: timeseries.Panel, limits: Sequence[Limit] = (), *, zero: bool = False) -> timeseries.Panel:
    """A logarithmic axis; with `zero`, one that includes 0.

    Such an axis in Grafana ignores the soft maximum, so a hidden line through the highest limit extends it.
    """
    kind = models.ScaleDistribution.SYMLOG if zero else models.ScaleDistribution.LOG
    panel.scale_distribution(common.ScaleDistributionConfig().type(kind).log(10).linear_threshold(1))
    # Hides the label of -1 below an axis with 0. Otherwise Grafana writes small ticks with zeros: 0.0100 min.
    panel.mappings([map_value(-1, " ", NEUTRAL)] if zero else _small_ticks(panel))
    if limits:
        with_thresholds(panel, limits).with_target(
            _target(PanelQuery(f"vector({limits[-1].value:g})", _HIDDEN_SERIES), 25).range()
        )
        hidden = {"legend": True, "tooltip": True, "viz": False}
        style = {"hideFrom": hidden, "lineWidth": 0, "fillOpacity": 0, "showPoints": "never"}
        panel.override_by_name(
            _HIDDEN_SERIES, [DynamicConfigValue(f"custom.{key}", value) for key, value in style.items()]
        )
    return panel


def _small_ticks(panel: timeseries.Panel) -> list[ValueMapping]:
    """Texts of the ticks below 1, where the unit is a suffix."""
    config = panel.build().field_config
    kind, _, unit = ((config.defaults.unit if config else None) or "").partition(":")
    return [map_value(each, f"{each:g} {unit}", NEUTRAL) for each in (0.001, 0.01, 0.1) if kind == "suffix"]


def fixed_colour(colour: str) -> DynamicConfigValue:
    """An override with this colour."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def unstacked() -> DynamicConfigValue:
    """An override that takes a line out of the stack."""
    return DynamicConfigValue("custom.stacking", {"mode": "none", "group": "A"})


def dashed(panel: timeseries.Panel, *names: str) -> timeseries.Panel:
    """Dash the lines of these names, which are context."""
    style = {"fill": "dash", "dash": [6, 6]}
    for name in names:
        panel.override_by_name(
            name, [DynamicConfigValue("custom.lineStyle", style), DynamicConfigValue("custom.fillOpacity", 0)]
        )
    return panel


def timeline(
    title: str, description: str, *queries: PanelQuery, states: Iterable[ValueMapping], empty: str = UNKNOWN
) -> statetimeline.Panel:
    """One bar per series, with its states over time."""
    panel = statetimeline.Panel().title(title).description(description).datasource(SOURCE).no_value(empty)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    # Fixed, because Grafana ignores the colours of mappings where thresholds give the colours.
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(NEUTRAL))
    panel.mappings(list(states)).merge_values(True).show_value(models.VisibilityMode.AUTO).row_height(0.8)
    panel.legend(common.VizLegendOptions().show_legend(False).display_mode(models.LegendDisplayMode.LIST).calcs([]))
    return panel.align_value(models.TimelineValueAlignment.LEFT).fill_opacity(75).line_width(0).unit("short")


def heat_map(title: str, description: str, query: PanelQuery, unit: str) -> heatmap.Panel:
    """The buckets of a histogram over time."""
    panel = heatmap.Panel().title(title).description(description).datasource(SOURCE).no_value(UNKNOWN)
    panel.with_target(_target(query, 0).range().format(PromQueryFormat.HEATMAP)).calculate(False).cell_gap(1)
    colours = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    colours.scale(heat.HeatmapColorScale.EXPONENTIAL).exponent(0.5).fill("dark-blue").reverse(False)
    panel.color(colours).y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(models.AxisPlacement.LEFT))
    panel.filter_values(heatmap.FilterValueRange().le(1e-9)).cell_values(heatmap.CellValues().unit("short").decimals(1))
    panel.show_value(models.VisibilityMode.NEVER).hide_legend().show_y_histogram()
    panel.hide_from(common.HideSeriesConfig().tooltip(tooltip=False).legend(legend=False).viz(viz=False))
    return panel.mode(models.TooltipDisplayMode.SINGLE).rows_frame(
        heatmap.RowsHeatmapOptions().layout(models.HeatmapCellLayout.AUTO)
    )


def bar_gauges(title: str, description: str, *queries: PanelQuery, limits: Sequence[Limit] = ()) -> bargauge.Panel:
    """A bar for the present value of each series; none where it is unknown."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE).no_value(UNKNOWN_TEXT)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).instant())
    return _horizontal(panel.reduce_options(_reduced_to("lastNotNull")), limits)


def worst_bar_gauges(
    title: str, description: str, *queries: PanelQuery, limits: Sequence[Limit] = ()
) -> bargauge.Panel:
    """A bar for the highest value of each series in the time shown."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE).no_value(UNKNOWN_TEXT)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    return _horizontal(panel.reduce_options(_reduced_to("max")), limits)


def data_table(
    title: str,
    description: str,
    empty: str,
    columns: Sequence[TableColumn],
    *queries: PanelQuery,
    highest_first: str = "",
) -> table.Panel:
    """A table with a line per label set and the named columns. `empty` is shown without lines.

    With several queries, whose lines are merged, Grafana sorts by the column `highest_first`.
    """
    panel = table.Panel().title(title).description(description).datasource(SOURCE).no_value(empty)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).instant().format(PromQueryFormat.TABLE))
    shown = {column.field: column.heading for column in columns}
    order = {name: place for place, name in enumerate(shown)}
    keep = {"include": {"names": list(shown)}}
    if len(queries) > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(DataTransformerConfig(id_val="filterFieldsByName", options=keep))
    arrange = {"renameByName": shown, "indexByName": order, "excludeByName": {}}
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=arrange))
    if highest_first:
        by_column = {"fields": {}, "sort": [{"field": highest_first, "desc": True}]}
        panel.with_transformation(DataTransformerConfig(id_val="sortBy", options=by_column))
    for column in columns:
        panel.override_by_name(column.heading, list(_of_column(column)))
    panel.align(models.FieldTextAlignment.AUTO).inspect(False)
    return panel.thresholds(steps((), NEUTRAL)).cell_height(models.TableCellHeight.SM).show_header(True)


def markdown_text(title: str, description: str, markdown: str) -> text.Panel:
    """A panel of Markdown."""
    return text.Panel().title(title).description(description).mode(TextMode.MARKDOWN).content(markdown)


def steps(limits: Sequence[Limit], base: str) -> dashboard.ThresholdsConfig:
    """The colour `base` below the first limit, then that of each limit."""
    levels = [Threshold(color=base, value=None), *(Threshold(color=one.colour, value=one.value) for one in limits)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(levels)


def _horizontal(panel: bargauge.Panel, limits: Sequence[Limit]) -> bargauge.Panel:
    panel.orientation(models.VizOrientation.HORIZONTAL).display_mode(models.BarGaugeDisplayMode.BASIC).show_unfilled(
        True
    )
    panel.value_mode(models.BarGaugeValueMode.TEXT).name_placement(models.BarGaugeNamePlacement.LEFT)
    panel.min_viz_height(8).max_viz_height(26).sizing(models.BarGaugeSizing.AUTO)
    return panel.thresholds(steps(limits, GOOD if limits else CALM)).unit(COUNT).min(0)


def _of_column(column: TableColumn) -> Iterable[DynamicConfigValue]:
    yield DynamicConfigValue("noValue", "none")
    yield DynamicConfigValue("custom.minWidth", _NUMBER_WIDTH if column.unit else _TEXT_WIDTH)
    yield DynamicConfigValue("custom.wrapHeaderText", value=True)
    if column.unit:
        yield DynamicConfigValue("unit", column.unit)
    if column.width:
        yield DynamicConfigValue("custom.width", column.width)
    if column.limits:
        yield DynamicConfigValue("thresholds", steps(column.limits, NEUTRAL).build())
    if column.mappings:
        yield DynamicConfigValue("mappings", list(column.mappings))
    if column.limits or column.mappings:
        yield DynamicConfigValue("custom.cellOptions", {"type": "color-text"})
    if column.link:
        yield DynamicConfigValue("links", [{"title": "Runbook", "url": column.link, "targetBlank": True}])


def _target(query: PanelQuery, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index)).datasource(SOURCE)
    return target.legend_format(query.legend or "__auto")


def _reduced_to(calculation: str) -> common.ReduceDataOptions:
    return common.ReduceDataOptions().values(False).calcs([calculation]).fields("")
