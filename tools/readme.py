"""Writes the metric table of docs/metrics.md from the catalogue: `python tools/readme.py`."""

import sys
from pathlib import Path

from exporter.metrics.catalogue import CATALOGUE, Metric

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: written by tools/readme.py -->", "<!-- end of metrics -->"


def table() -> str:
    """The catalogue as a Markdown table, in its order."""
    rows = ["| Metric | Type | Labels | Collector | Meaning |", "|---|---|---|---|---|", *(map(_row, CATALOGUE))]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """The text of docs/metrics.md with the present table in it. Raises: ValueError when a marker is missing."""
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


def main() -> int:
    """Rewrite the table in place."""
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
