"""The tables of metrics and of terms in docs/metrics.md; `make generate` writes them."""

from pathlib import Path

from exporter.metrics.catalogue import CATALOGUE, Metric
from exporter.metrics.terms import TERMS

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: written by tools/metrics.py -->", "<!-- end of metrics -->"
TERMS_BEGIN, TERMS_END = "<!-- terms: written by tools/metrics.py -->", "<!-- end of terms -->"


def table() -> str:
    """The catalogue as a Markdown table, in its order."""
    rows = ["| Metric | Type | Labels | Collector | Meaning |", "|---|---|---|---|---|", *(map(_row, CATALOGUE))]
    return "\n".join(rows)


def terms() -> str:
    """The names of quantities as a Markdown table."""
    return "\n".join(["| Name | Meaning |", "|---|---|", *(f"| {term.name} | {term.meaning} |" for term in TERMS)])


def with_tables(page: str) -> str:
    """docs/metrics.md with the tables of today. Raises: ValueError when a marker is missing."""
    return _replaced(_replaced(page, BEGIN, END, table()), TERMS_BEGIN, TERMS_END, terms())


def _replaced(page: str, begin: str, end: str, text: str) -> str:
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"docs/metrics.md lacks the markers {begin} and {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {_collector(metric)} | {metric.help} |"


def _collector(metric: Metric) -> str:
    """The collector; those on which alerts of severity page depend are marked."""
    name = f"`{metric.collector}`" if metric.collector else ""
    return f"{name} (critical)".lstrip() if metric.critical else name
