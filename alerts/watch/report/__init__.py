"""The report of a watch in HTML, Markdown and JSON."""

from alerts.watch.report.document import WatchReport
from alerts.watch.report.html import html
from alerts.watch.report.json_report import json_text
from alerts.watch.report.markdown import markdown

__all__ = ["WatchReport", "html", "json_text", "markdown"]
