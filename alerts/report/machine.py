"""The report for machines."""

import json
import math
from typing import Any

from alerts.report.document import Report
from alerts.watch.plain import plain

FORMAT = 1


def json_text(report: Report) -> str:
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
    return json.dumps(_strict(document), indent=2, allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).replace("inf", "Infinity")
    return value
