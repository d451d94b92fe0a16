"""The report for machines."""

import json

from alerts.watch.report.document import WatchReport
from alerts.watch.store.serialization import plain
from exporter.core.humanize import json_safe

FORMAT = 1


def json_text(report: WatchReport) -> str:
    """One JSON document: `format`, `verdict`, `reasons`, the watch, the judgement, the comparison, the settings.

    Shape: the fields of `alerts.watch.model` by name. Units: theirs. Strict JSON: what is infinite is the text
    "Infinity". The ticks are left out: they are in the history.
    """
    document = {
        "format": FORMAT,
        "verdict": report.word,
        "reasons": list(report.judgement.reasons),
        "made_at": report.made_at,
        "version": report.version,
        "database": report.database,
        "watch": plain(report.watch),
        "judgement": plain(report.judgement),
        "comparison": plain(report.comparison),
        "settings": dict(report.settings),
    }
    return json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n"
