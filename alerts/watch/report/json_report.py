"""The report as JSON."""

import json

from alerts.watch.report.document import WatchReport
from alerts.watch.store.serialization import serialize
from exporter.core.humanize import json_safe

FORMAT = 1


def json_text(report: WatchReport) -> str:
    """One JSON document: `format`, the verdict and its reasons, watch, judgement, changes, comparison, settings.

    Shape: the fields of the dataclasses by name. Units: theirs. Strict JSON: infinity is the text "Infinity". The ticks
    are left out.
    """
    document = {
        "format": FORMAT,
        "verdict": report.word,
        "headline": report.headline,
        "reasons": list(report.judgement.reasons),
        "made_at": report.made_at,
        "version": report.version,
        "database": report.watch.database,
        "watch": serialize(report.watch),
        "judgement": serialize(report.judgement),
        "changes": serialize(report.changes),
        "comparison": serialize(report.comparison),
        "settings": dict(report.settings),
    }
    return json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n"
