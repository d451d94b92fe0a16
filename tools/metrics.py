"""The metric table of docs/metrics.md, from the catalogue; `make generate` writes it."""

from pathlib import Path

from exporter.metrics.catalogue import CATALOGUE, Metric

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: written by tools/metrics.py -->", "<!-- end of metrics -->"


def table() -> str:
    """The catalogue as a Markdown table, in its order."""
    rows = ["| Metric | Type | Labels | Collector | Meaning |", "|---|---|---|---|---|", *(map(_row, CATALOGUE))]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """docs/metrics.md with the table of today's catalogue. Raises: ValueError when a marker is missing."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"docs/metrics.md lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {_collector(metric)} | {metric.help} |"


def _collector(metric: Metric) -> str:
    """The collector; those on which alerts of severity page depend are marked."""
    name = f"`{metric.collector}`" if metric.collector else ""
    return f"{name} (critical)".lstrip() if metric.critical else name
