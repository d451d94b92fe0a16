"""The landing page: what this is, how the outbox is doing, and whether the numbers are fresh.

One self-contained document without scripts, rendered from what /api/v1/status tells. Everything that comes from
there is escaped: queue names and error messages are other people's texts.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from exporter.figures import count, duration, moment, percent

REFRESH_SECONDS = 30

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #55606e; --paper: #f5f6f8; --card: #fff; --line: #d8dde3;
  --link: #0b57d0; --good: #14663a; --bad: #b3261e; --warn: #7a5200 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adba; --paper: #12161c; --card: #1b2129;
  --line: #343c47; --link: #8ab4f8; --good: #7bd49b; --bad: #ff9d94; --warn: #f0c06a } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .75rem }
p { margin: .25rem 0 }
a { color: var(--link) }
.soft, .unknown { color: var(--soft) }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) }
.state { font-weight: 600; white-space: nowrap }
.signals { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .75rem; margin: 0 }
.signals > div, .table, .problems { background: var(--card); border: 1px solid var(--line); border-radius: .5rem }
.signals > div { padding: .75rem 1rem }
.signals dt { color: var(--soft); font-size: .9rem }
.signals dd { margin: 0; overflow-wrap: anywhere }
.signals .value { font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .45rem .75rem; text-align: left; border-top: 1px solid var(--line); white-space: nowrap }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: .9rem }
tbody th { font-weight: 600 }
.number { text-align: right }
.problems { margin: 0; padding: .75rem 1rem .75rem 2rem; overflow-wrap: anywhere }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .75rem 0 0; padding: 0 }
footer { padding-top: 1.5rem; padding-bottom: 2rem; font-size: .9rem }
@media (max-width: 34rem) { .signals { grid-template-columns: 1fr 1fr }
  .signals > div:last-child:nth-child(odd) { grid-column: 1 / -1 } .signals > div { padding: .6rem .75rem }
  .signals .value { font-size: 1.3rem } th, td { padding: .4rem .5rem } table { font-size: .9rem } }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# Nothing but our own style, known by its hash: a text that slipped through unescaped could still do nothing.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_LINKS = (
    ("metrics", "/metrics, for Prometheus"),
    ("api/v1/status", "/api/v1/status, this page as JSON"),
    ("-/healthy", "/-/healthy"),
    ("-/ready", "/-/ready"),
)
_UNKNOWN = '<span class="unknown">unknown</span>'


def landing(title: str, version: str, status: Mapping[str, Any]) -> str:
    """The page for one status.

    Shape: `status` as the exporter tells it on /api/v1/status; None in it is shown as unknown, never as 0.
    """
    up = bool(status["up"])
    word = "up" if up else "down"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>{escape(title)}: {word}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)} <span class="state {"good" if up else "bad"}">{word}</span></h1>
<p>Watches a transactional outbox in PostgreSQL and tells Prometheus about it.</p>
<p class="soft">Database {escape(str(status["database"]))}. {_last_sample(up)}</p>
{_maintenance(status["maintenance_until"], status["now"])}
<nav aria-label="Endpoints"><ul>{"".join(_link(*link) for link in _LINKS)}</ul></nav>
</header>
<main>
{_problems(status)}
<section aria-labelledby="signals"><h2 id="signals">Signals</h2>{_signals(status["signals"])}</section>
<section aria-labelledby="collectors"><h2 id="collectors">Collectors</h2>{_collectors(status)}</section>
</main>
<footer class="soft">Version {escape(version)}. This page renews itself every {REFRESH_SECONDS} seconds.</footer>
</body>
</html>
"""


def _last_sample(up: bool) -> str:
    return "Its last sample succeeded." if up else "Its last sample failed, or there was none yet."


def _maintenance(until: float | None, now: float) -> str:
    if until is None:
        return ""
    when = moment(until)
    if now < until:
        return f'<p class="state">Maintenance is declared until {when}: the backlog may grow.</p>'
    return f'<p class="state bad">Maintenance was declared until {when} and nobody has ended it.</p>'


def _link(path: str, text: str) -> str:
    return f'<li><a href="{path}">{escape(text)}</a></li>'


# --- what is wrong -------------------------------------------------------------------------------------------------


def _problems(status: Mapping[str, Any]) -> str:
    said = [(str(one["name"]), str(text)) for one in status["collectors"] for text in one["problems"]]
    items = [f"<li><strong>{escape(name)}</strong>: {escape(text)}</li>" for name, text in said]
    if not status["config_reload_successful"]:
        items.insert(0, "<li><strong>configuration</strong>: the last reload failed; the previous one is in use</li>")
    if not items:
        return ""
    return (
        '<section aria-labelledby="problems"><h2 id="problems" class="bad">What is wrong</h2>'
        f'<ul class="problems">{"".join(items)}</ul></section>'
    )


# --- signals -------------------------------------------------------------------------------------------------------


def _signals(signals: Mapping[str, Any]) -> str:
    age, events = signals["oldest_pending_age_seconds"], signals["events_last_hour"]
    cards = (
        ("Backlog", _shown(signals["backlog"], count), _note("oldest waits ", age, duration)),
        ("Average processing time", _shown(signals["processing_time_avg_seconds"], duration), "last hour"),
        ("Events", _shown(_total(events), count), _sources(events)),
        ("Idempotency keys", _shown(signals["idempotency_keys"], count), "live and expired"),
        ("Failure ratio", _shown(signals["failure_ratio"], percent), "last hour"),
    )
    return f'<dl class="signals">{"".join(_card(*card) for card in cards)}</dl>'


def _card(name: str, value: str, note: str) -> str:
    return f'<div><dt>{name}</dt><dd><div class="value">{value}</div><div class="soft">{note}</div></dd></div>'


def _shown(value: float | None, text: Callable[[float], str]) -> str:
    return _UNKNOWN if value is None else escape(text(value))


def _note(words: str, value: float | None, text: Callable[[float], str]) -> str:
    return "" if value is None else escape(f"{words}{text(value)}")


def _total(events: Mapping[str, float] | None) -> float | None:
    return None if events is None else sum(events.values())


def _sources(events: Mapping[str, float] | None) -> str:
    by_source = ", ".join(f"{source} {count(value)}" for source, value in (events or {}).items())
    return escape(f"last hour: {by_source}" if by_source else "last hour")


# --- collectors ----------------------------------------------------------------------------------------------------


def _collectors(status: Mapping[str, Any]) -> str:
    rows = "".join(_row(collector, status["now"]) for collector in status["collectors"])
    return f"""<div class="table" role="region" aria-labelledby="collectors" tabindex="0"><table>
<thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="number">Last success</th>
<th scope="col" class="number">Took</th><th scope="col" class="number">Every</th>
<th scope="col" class="number">Runs</th><th scope="col" class="number">Skipped</th>
<th scope="col">Failures</th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _row(collector: Mapping[str, Any], now: float) -> str:
    numbers = (
        _ago(collector["last_success"], now),
        _shown(collector["duration_seconds"], duration),
        _shown(collector["interval_seconds"], duration),
        _shown(collector["runs"], count),
        _shown(collector["skipped"], count),
    )
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    name, state = escape(str(collector["name"])), _state(collector)
    return f'<tr><th scope="row">{name}</th><td>{state}</td>{cells}<td>{_failures(collector["failures"])}</td></tr>'


def _state(collector: Mapping[str, Any]) -> str:
    """In words, colour only adds to it: failing and stale at once is the worst, as nothing is shown any more."""
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
