"""The parts of all dashboards: variables, annotations, links, time range and refresh."""

from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    AnnotationContainer,
    AnnotationQuery,
    AnnotationTarget,
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.builder.layout import DashboardSection, GridLayout
from dashboards.builder.panels import SOURCE
from dashboards.builder.promql import PROCESS_START, SELECTED_JOB, one, pick
from exporter.metrics.catalogue import (
    APP_PROCESSED_JOBS,
    BUILD_INFO,
    CHANGE,
    MAINTENANCE_ACTIVE,
    WATCH_END,
    WATCH_START,
)

TAG = "outbox"
# The variable with the URL of the runbooks. Who imports a dashboard may change it.
RUNBOOKS = "runbooks"
OVERVIEW, WATCH, HEALTH = "outbox-overview", "outbox-migration-watch", "outbox-exporter-health"

# The latest schema version that Grafana 10 reads; later versions of Grafana migrate it.
SCHEMA = 39
_GRAFANA = DataSourceRef(type_val="datasource", uid="-- Grafana --")
# Annotations closer together than this are joined.
_STEP = "60s"


@dataclass(frozen=True, slots=True)
class DashboardHeader:
    """The header of a dashboard: `since` is the begin of its time range, such as `now-3h`."""

    uid: str
    title: str
    description: str
    since: str
    refresh: str


class PrometheusAnnotation(AnnotationQuery):
    """An annotation from Prometheus: its data source reads more keys than Grafana's own schema names."""

    def __init__(self, name: str, expr: str, colour: str, title: str, *, at_value: bool = False) -> None:
        super().__init__(name=name, datasource=SOURCE, icon_color=colour, expr=expr)
        self.extra: dict[str, object] = {"step": _STEP, "titleFormat": title, "useValueForTime": at_value}

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {**super().to_json(), **self.extra}


def page(header: DashboardHeader, sections: Iterable[DashboardSection], runbooks: str) -> Dashboard:
    """The complete dashboard. `runbooks` is the URL in front of `/OutboxStalled.md`."""
    frame = dashboard.Dashboard(header.title).uid(header.uid).description(header.description).tags([TAG]).readonly()
    frame.timezone("utc").tooltip(DashboardCursorSync.CROSSHAIR).time(header.since, "now").refresh(header.refresh)
    frame.variables([*_variables(), dashboard.ConstantVariable(RUNBOOKS).label("Runbooks").value(runbooks)]).links(
        list(_links())
    )
    made = frame.build()
    made.schema_version = SCHEMA
    made.panels = GridLayout().put(sections)
    made.annotations = AnnotationContainer(list_val=list(_annotations()))
    return made


def _variables() -> Iterable[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    yield _query_variable("job", "Job", f"label_values({BUILD_INFO.name}, job)")
    yield _query_variable("instance", "Instance", f'label_values({BUILD_INFO.name}{{job=~"$job"}}, instance)')


def _query_variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(SOURCE).multi(multi=True)
    variable.include_all(include_all=True).all_value(".+").current(everything)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)


def _links() -> Iterable[dashboard.DashboardLink]:
    link = dashboard.DashboardLink("Outbox").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    yield link.keep_time(keep_time=True).include_vars(include_vars=True).as_dropdown(as_dropdown=False)


def _annotations() -> Iterable[AnnotationQuery]:
    # Alerts have no instance: the rules aggregate over replicas.
    firing = f'ALERTS{{{SELECTED_JOB},alertstate="firing",severity=~"page|ticket"}}'
    maintenance = one(pick(MAINTENANCE_ACTIVE))
    restarts = one(f"resets({pick(APP_PROCESSED_JOBS)}[2m])")
    yield PrometheusAnnotation(
        "Alerts", f"max by (alertname, severity) ({firing})", "red", "{{alertname}} ({{severity}})"
    )
    yield PrometheusAnnotation("Maintenance", f"{maintenance} == 1", "blue", "Declared maintenance")
    yield PrometheusAnnotation("Watch", f"1000 * {one(pick(WATCH_START))}", "green", "The watch began", at_value=True)
    yield PrometheusAnnotation(
        "End of watch", f"1000 * {one(pick(WATCH_END))}", "green", "The watch ends", at_value=True
    )
    yield PrometheusAnnotation(
        "Application restarts", f"{restarts} > 0", "purple", "The application's counters were reset"
    )
    yield PrometheusAnnotation(
        "Exporter starts", f"1000 * {pick(PROCESS_START)}", "purple", "The exporter started", at_value=True
    )
    # Those of the application and of the exporter have annotations of their own.
    changes = pick(CHANGE, 'kind=~"server_restart|failover|definition|setting|lock|clock_step"')
    yield PrometheusAnnotation("Changes", f"1000 * {one(changes)}", "orange", "Change: {{kind}}", at_value=True)
    deploys = AnnotationTarget(limit=100, match_any=True, tags=["deploy"], type_val="tags")
    yield AnnotationQuery(name="Deploys", datasource=_GRAFANA, icon_color="yellow", target=deploys)
