"""The report as one self-contained HTML file, for screens, phones and paper, light and dark."""

from collections.abc import Iterable
from html import escape

from alerts.watch.model.result import CheckResult
from alerts.watch.report import tables
from alerts.watch.report.document import WatchReport, charts
from alerts.watch.report.tables import ROWS, ReportTable
from exporter.core import html_layout, svg_charts
from exporter.core.humanize import moment
from exporter.core.svg_charts import Chart, SpanKind

STYLE = (
    html_layout.BASE_STYLE
    + svg_charts.STYLE
    + """
.word { display: block; font-size: 2.4rem; line-height: 1.2 }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 45%), 1fr)); gap: .75rem;
  margin: 1rem 0 0 }
.facts dt { color: var(--soft); font-size: .9rem } .facts dd { margin: 0; overflow-wrap: anywhere }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: .75rem }
figure { margin: 0 } figcaption ul { list-style: none; margin: 0 0 .5rem; padding: 0; font-size: .9rem }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .75rem; font-size: .9rem }
.key svg { width: 1.5rem; height: 1rem; display: inline-block; vertical-align: middle; margin-right: .35rem }
@media (max-width: 34rem) { .plots .plot { font-size: 16px } }
@media print { body { background: none; font-size: .8rem } main, header, footer { max-width: none; padding: 0 }
  .card, .table { break-inside: avoid; border-color: #bbb } .table { overflow: visible } th, td { padding: .3rem .4rem }
  .plots { grid-template-columns: 1fr 1fr }
  h2 { break-after: avoid } a { color: inherit } }
"""
)

_KEY = (
    (SpanKind.BREACH, "beyond the limit"),
    (SpanKind.CHANGE, "change"),
    (SpanKind.MAINTENANCE, "declared maintenance"),
    (SpanKind.GAP, "gap: no data"),
)

_KINDS = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn"}


def html(report: WatchReport) -> str:
    """The document. Every text in it is escaped."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{escape(html_layout.security_policy(STYLE))}">\n'
    judgement = report.judgement
    body = f"""<header>
<h1><span class="soft">Outbox watch {report.watch.number}:</span>
<span class="word {_kind(report.word)}">{escape(report.headline)}</span></h1>
<p>{escape(judgement.summary)}</p>
{_list(judgement.reasons)}
{_facts(report)}
</header>
<main>
{_section(tables.checks(report))}
{html_layout.section("plots", "Signals", _plots(report))}
{"".join(_section(table) for table in tables.tables(report))}
</main>
<footer class="soft">Made {moment(report.made_at)} by outbox-exporter {escape(report.version)}.
All times are in UTC.</footer>"""
    return html_layout.document(f"Outbox watch {report.watch.number}: {report.headline}", STYLE, body, policy)


def _kind(word: str) -> str:
    return _KINDS.get(word, "soft")


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _facts(report: WatchReport) -> str:
    cards = (
        f'<div class="card"><dt>{name}</dt><dd>{html_layout.breakable(text)}</dd></div>'
        for name, text in tables.facts(report)
    )
    return f'<dl class="facts">{"".join(cards)}</dl>'


def _section(table: ReportTable) -> str:
    if not table.rows:
        empty = f'<p class="card">{escape(table.empty)}</p>' if table.empty else ""
        return html_layout.section(table.key, table.title, empty)
    lead = f"<p>{escape(table.lead)}</p>" if table.lead else ""
    rows = [tuple(map(_cell, row)) for row in table.rows[:ROWS]]
    more = f'<p class="soft">{escape(table.more)}</p>' if table.more else ""
    shown = html_layout.table(table.key, table.columns, rows, table.numbers)
    return html_layout.section(table.key, table.title, f"{lead}{shown}{more}{_list(table.notes)}")


def _cell(text: str) -> str:
    return f'<span class="state {_KINDS[text]}">{text}</span>' if text in _KINDS else html_layout.breakable(text)


# --- plots ---------------------------------------------------------------------------------------------------------


def _plots(report: WatchReport) -> str:
    drawn = "".join(
        f'<figure class="card"><figcaption><strong>{escape(chart.title)}</strong>{_unit(chart)}'
        f"{_verdicts(results)}</figcaption>{svg_charts.chart(chart)}</figure>"
        for results, chart in charts(report)
    )
    key = "".join(f"<span>{svg_charts.legend_mark(mark)}{text}</span>" for mark, text in _KEY)
    return f'<p class="key">{key}</p><div class="plots">{drawn}</div>' if drawn else ""


def _unit(chart: Chart) -> str:
    """The counted objects, unless the title names them; the ticks of the axis have the other units."""
    if chart.unit in ("seconds", "ratio", "boolean") or chart.unit in chart.title.lower():
        return ""
    return f' <span class="soft">{escape(chart.unit)}</span>'


def _verdicts(results: Iterable[CheckResult]) -> str:
    """The checks of one signal, with their verdicts."""
    items = "".join(f"<li>{escape(each.check.title)}: {_cell(each.word)}</li>" for each in results)
    return f"<ul>{items}</ul>"
