"""Value mappings, as JSON."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.builder.meanings import map_boolean, map_from, map_missing, map_text, map_value


def encoded(mapping: Any) -> Any:
    return json.loads(json.dumps(mapping, cls=JSONEncoder))


def test_values_are_mapped_to_texts_and_colours():
    """Labels as they are, numbers without trailing zeros."""
    text = {"type": "value", "options": {"failing": {"text": "failing", "color": "orange", "index": 0}}}
    assert encoded(map_text("failing", "failing", "orange")) == text
    assert list(encoded(map_value(2.0, "PAGE", "red"))["options"]) == ["2"]
    assert list(encoded(map_value(0.5, "half", "red"))["options"]) == ["0.5"]


def test_one_is_good_and_zero_is_bad():
    """With its own texts where a panel has them."""
    good, bad = (encoded(each)["options"] for each in map_boolean("intact", "broken"))
    assert good["1"] == {"text": "intact", "color": "green", "index": 0}
    assert bad["0"] == {"text": "broken", "color": "red", "index": 0}
    assert [next(iter(encoded(each)["options"].values()))["text"] for each in map_boolean()] == ["yes", "no"]


def test_ranges_and_missing_values():
    """A range has no end; a missing value has a neutral colour."""
    found = encoded(map_from(1e9, "never", "red"))
    assert (found["type"], found["options"]["from"], found["options"]["result"]["text"]) == ("range", 1e9, "never")
    missing = encoded(map_missing("unknown"))
    assert (missing["type"], missing["options"]["match"]) == ("special", "null+nan")
    assert missing["options"]["result"]["color"] == "text"
