"""The report as Markdown, for a pull request or a ticket."""

import re
from collections.abc import Sequence

from alerts.watch.report import tables
from alerts.watch.report.document import WatchReport
from alerts.watch.report.tables import ROWS, ReportTable
from exporter.core.humanize import moment, utf8_safe

# Characters with a meaning in Markdown, or in HTML within it.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&!$@])")
_SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "UNDECIDED": "⏳"}


def markdown(report: WatchReport) -> str:
    """GitHub-flavoured Markdown. Every text in it is escaped."""
    judgement = report.judgement
    parts = [
        f"# {_SIGNS[report.word]} Outbox watch {report.watch.number}: {report.headline}",
        text(judgement.summary),
        _list(judgement.reasons),
        "  \n".join(f"**{name}** {text(value)}" for name, value in tables.facts(report)),
        _section(tables.checks(report)),
        *(_section(table) for table in tables.tables(report)),
        f"Made {moment(report.made_at)} by outbox-exporter {text(report.version)}. All times are in UTC.",
    ]
    return utf8_safe("\n\n".join(part for part in parts if part) + "\n")


def text(value: str) -> str:
    """An escaped text, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(value.split()))


def _list(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text(each)}" for each in texts)


def _section(table: ReportTable) -> str:
    parts = [text(table.lead), _rows(table), text(table.more), _list(table.notes)]
    body = "\n\n".join(part for part in parts if part) if table.rows else table.empty
    return f"## {table.title}\n\n{body}" if body else ""


def _rows(table: ReportTable) -> str:
    marks = ("---:" if index in table.numbers else "---" for index in range(len(table.columns)))
    lines = [table.columns, tuple(marks), *(tuple(map(text, row)) for row in table.rows[:ROWS])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
