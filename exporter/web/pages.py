"""The status page: firing alerts, watch, problems, signals and collectors, readable on a phone and without Grafana.

One self-contained document without scripts, rendered from the status of /api/v1/status. Every text of the status is
escaped: queue names and error messages come from outside.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from exporter.core import html_layout, svg_charts
from exporter.core.humanize import count, coverage, duration, moment
from exporter.metrics import catalogue
from exporter.web import alert_list, drill, overview, signal_cards

REFRESH_SECONDS = 30


_STYLE = (
    html_layout.BASE_STYLE
    + svg_charts.STYLE
    + """
.signals, .parts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.6rem, 1fr)); gap: .75rem;
  margin: 0 }
.signals dt, .parts dt { color: var(--soft); font-size: .9rem }
.signals dd, .parts dd { margin: 0; overflow-wrap: anywhere }
.signals .value { font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.signals + p { margin-top: .75rem }
.signals .plot { width: 100%; height: 2.25rem }
.parts .soft { font-size: .9rem } .parts .state { font-size: 1.15rem; white-space: normal }
h3 { margin-top: 1rem }
.verdict { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline }
.word { font-size: 1.4rem; font-weight: 700 }
.alerts { list-style: none; padding-left: 1rem } .alerts li { padding: .25rem 0 }
details summary { cursor: pointer; padding: .25rem 0 }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .75rem 0 0; padding: 0 }
@media (max-width: 34rem) { .signals, .parts { grid-template-columns: 1fr 1fr }
  dl > div:last-child:nth-child(odd) { grid-column: 1 / -1 } dl > div { padding: .6rem .75rem }
  .signals .value { font-size: 1.3rem } }
"""
)
CONTENT_SECURITY_POLICY = f"{html_layout.security_policy(_STYLE)}; frame-ancestors 'none'"

_LINKS = (
    ("runbooks/", "Runbooks"),
    ("metrics", "/metrics, for Prometheus"),
    ("api/v1/status", "/api/v1/status, this page as JSON"),
    ("api/v1/watch", "/api/v1/watch"),
    ("-/healthy", "/-/healthy"),
    ("-/ready", "/-/ready"),
)


def status_page(title: str, version: str, status: Mapping[str, Any]) -> str:
    """The page for one status.

    Shape: `status` is the object of /api/v1/status, times in Unix seconds; None is shown as unknown, never as 0.
    """
    state, kind = overview.headline(status)
    links = "".join(f'<li><a href="{path}">{escape(text)}</a></li>' for path, text in _LINKS)
    body = f"""<header>
<h1>{escape(title)}: <span class="{kind}">{escape(state)}</span></h1>
<p class="soft">{moment(status["now"], "%Y-%m-%d %H:%M:%S UTC")}</p>
{_maintenance(status["maintenance_until"], status["now"])}
</header>
<main>
{alert_list.section(status["alerts"], status["now"])}
{html_layout.section("parts", "Parts", overview.cards(status))}
{_problems(status)}
{signal_cards.section(status)}
{html_layout.section("watch", "Watch", _watch(status["watch"], status["now"]))}
{_changes(status["changes"], status["now"])}
{drill.section(status["drill"])}
{html_layout.section("application", "Application", _application(status["application"]))}
{_migration_section(status)}
{html_layout.section("collectors", "Collectors", _collectors(status))}
{signal_cards.not_known(status)}
</main>
<footer class="soft">
<nav aria-label="Endpoints"><ul>{links}</ul></nav>
<p>Version {escape(version)}. This page reloads every {REFRESH_SECONDS} seconds.</p></footer>"""
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n'
    return html_layout.document(f"{title}: {state}", _STYLE, body, refresh)


def _maintenance(until: float | None, now: float) -> str:
    if until is None:
        return ""
    when = moment(until)
    if now < until:
        return f'<p class="state">Maintenance is declared until {when}: the backlog may grow.</p>'
    return f'<p class="state bad">Maintenance was declared until {when} and has not been ended.</p>'


# --- the watch, the application, the migration -----------------------------------------------------------------------


def _watch(watch: Mapping[str, Any] | None, now: float) -> str:
    if watch is None:
        return f'<p class="card">{html_layout.UNKNOWN}: see the problems</p>'
    if watch["state"] == "waiting":
        return f'<p class="card soft">No watch has started. To start one: <code>{escape(watch["summary"])}</code></p>'
    word = watch["headline"] or ("problems so far" if watch["reasons"] else "no problem so far")
    parts = [
        f'<span class="word {overview.VERDICT_KINDS.get(watch["verdict"] or "", "")}">{escape(word)}</span>',
        f"<span>{escape(overview.time_left(watch, now))}</span>",
        f"<span>coverage {html_layout.shown(watch['coverage'], coverage)}</span>",
    ]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in watch["reasons"])
    reasons = f"<ul>{reasons}</ul>" if reasons else f"<p>{escape(watch['summary'])}</p>"
    return f'<div class="card"><div class="verdict">{"".join(parts)}</div>{reasons}{_checks(watch["checks"])}</div>'


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    kinds = overview.VERDICT_KINDS
    rows: list[tuple[str, ...]] = [
        (
            escape(check["title"]),
            f'<span class="state {kinds.get(check["verdict"] or "", "soft")}">{escape(check["word"])}</span>',
            escape(check["reason"]),
        )
        for check in checks
    ]
    found = html_layout.table("watch", ("Check", "Verdict so far", "Reason"), rows, frozenset())
    return (
        f"<details><summary>{len(rows)} check{'s' if len(rows) > 1 else ''}</summary>{found}</details>" if rows else ""
    )


def _application(application: Mapping[str, Any] | None) -> str:
    """Its health, endpoints and health checks, each with its state as a word."""
    if application is None:
        return '<p class="card soft">No application is configured.</p>'
    rows: list[tuple[str, ...]] = [
        ("Health, as it says", _flag(application["healthy"], "healthy", "not healthy")),
        ("Endpoints", _flags(application["endpoints"], "answers", "does not answer")),
        ("Health checks", _flags(application["checks"], "passes", "fails")),
    ]
    return html_layout.table("application", ("Part", "State"), rows, frozenset())


def _flags(found: Mapping[str, bool], yes: str, no: str) -> str:
    return ", ".join(f"{escape(name)} {_flag(value, yes, no)}" for name, value in found.items()) or html_layout.UNKNOWN


def _flag(value: bool | None, yes: str, no: str) -> str:
    if value is None:
        return html_layout.UNKNOWN
    return f'<span class="state {"good" if value else "bad"}">{yes if value else no}</span>'


def _migration_section(status: Mapping[str, Any]) -> str:
    is_known = catalogue.MIGRATION_CHECKS.name not in status["unknown_metrics"]
    found = _migration(status["migration"], status["now"]) if is_known else ""
    return html_layout.section("migration", "Migration", found)


def _migration(migration: Mapping[str, Any] | None, now: float) -> str:
    if migration is None:
        return '<p class="card unknown">The checks have not run yet, or their results are too old.</p>'
    broken = "".join(f"<li>{escape(name)}</li>" for name in migration["broken"])
    kind = "bad" if broken else "good"
    age = "" if migration["checked_at"] is None else f", checked {_ago(migration['checked_at'], now)}"
    summary = (
        f'<span class="state {kind}">{"broken" if broken else "intact"}</span>{age}: '
        f"{count(migration['ok'])} checks ok, {len(migration['broken'])} broken, {count(migration['unknown'])} unknown"
    )
    hidden = "".join(f"<p>{_HIDDEN[part]}</p>" for part in migration["unseen"])
    hidden += f"<p>{_GRANT}</p>" if hidden else ""
    return f'<div class="card">{summary}{f"<ul>{broken}</ul>" if broken else ""}{hidden}</div>'


_GRANT = (
    "<code>outbox-exporter files show sql/grant_migration_access.sql | psql</code> grants access"
    " to the monitoring role."
)
_HIDDEN = {
    "register": "The migration history is not visible, so a migration does not start a watch.",
    "cron": "The clean-up jobs of pg_cron are not visible, where they are in this database.",
}


def _changes(changes: Sequence[Mapping[str, Any]], now: float) -> str:
    """The latest changes, each with its age; between two moments where its time is not known."""
    items = "".join(
        f'<li>{escape(each["text"])} <span class="soft">{escape(_age(each, now))}</span></li>' for each in changes
    )
    return html_layout.section("changes", "Recent changes", f'<ul class="list">{items}</ul>' if items else "")


def _age(change: Mapping[str, Any], now: float) -> str:
    least, most = (duration(max(0.0, now - change[key])) for key in ("latest", "earliest"))
    return f"{least} ago" if least == most else f"{least} to {most} ago"


# --- problems -----------------------------------------------------------------------------------------------------


def _problems(status: Mapping[str, Any]) -> str:
    """Each problem once, with the parts that have it."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name, text in _each_problem(status):
        place, separator, rest = text.partition(": ")
        is_place = bool(separator) and " " not in place  # such as an endpoint or a statement
        names, places = found.setdefault(rest if is_place else text, ([], []))
        names.append(name)
        places += [place] if is_place else []
    items = "".join(f"<li>{_problem(text, *who)}</li>" for text, who in found.items())
    listed = f'<ul class="list">{items}</ul>' if items else ""
    return html_layout.section("problems", "Problems of the exporter", listed, "bad")


def _each_problem(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not status["config_reload_successful"]:
        yield "configuration", "the last reload failed; the previous one is in use"
    for collector in status["collectors"]:
        for text in collector["problems"]:
            yield str(collector["name"]), str(text)
    for notice in status["notices"]:
        yield str(notice["name"]), str(notice["text"])


def _problem(text: str, names: Iterable[str], places: Iterable[str]) -> str:
    where = ", ".join(dict.fromkeys(places))
    named = escape(", ".join(dict.fromkeys(names)))
    return f"<strong>{named}</strong>: {escape(text)}" + (
        f' <span class="soft">({escape(where)})</span>' if where else ""
    )


# --- collectors ----------------------------------------------------------------------------------------------------


def _collectors(status: Mapping[str, Any]) -> str:
    columns = ("Name", "State", "Last success", "Duration", "Interval", "Runs", "Skipped", "Failures")
    rows = [_row(collector, status["now"]) for collector in status["collectors"]]
    return html_layout.table("collectors", columns, rows, frozenset(range(2, 7)))


def _row(collector: Mapping[str, Any], now: float) -> tuple[str, ...]:
    return (
        escape(str(collector["name"])),
        _state(collector),
        _ago(collector["last_success"], now),
        html_layout.shown(collector["duration_seconds"], duration),
        html_layout.shown(collector["interval_seconds"], duration),
        html_layout.shown(collector["runs"], count),
        html_layout.shown(collector["skipped"], count),
        _failures(collector["failures"]),
    )


def _state(collector: Mapping[str, Any]) -> str:
    """The state as a word; the colour only repeats it. `failing, stale` means that nothing is shown any more."""
    if collector["success"] is None:
        return '<span class="state soft">not run yet</span>'
    if collector["success"]:
        good = bool(collector["fresh"])
        return f'<span class="state {"good" if good else "warn"}">{"fresh" if good else "stale"}</span>'
    return f'<span class="state bad">failing{"" if collector["fresh"] else ", stale"}</span>'


def _ago(moment: float | None, now: float) -> str:
    return '<span class="unknown">never</span>' if moment is None else escape(f"{duration(max(0, now - moment))} ago")


def _failures(failures: Mapping[str, Any]) -> str:
    some: Iterable[tuple[str, Any]] = ((reason, number) for reason, number in failures.items() if number)
    return escape(", ".join(f"{reason} {count(number)}" for reason, number in some)) or "none"
