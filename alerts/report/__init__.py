"""The report of a watch: for people in HTML and Markdown, for machines in JSON."""

from alerts.report.document import Report
from alerts.report.html import html
from alerts.report.machine import json_text
from alerts.report.markdown import markdown

__all__ = ["Report", "html", "json_text", "markdown"]
