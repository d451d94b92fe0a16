"""The report as JSON."""

import json
from dataclasses import fields

import pytest

from alerts.watch.model.result import Judgement
from alerts.watch.report import json_text
from tests.alerts.watch.report import samples


def test_json_is_strict_and_complete():
    """Infinity, which JSON does not know, is a text; every field of the judgement is there."""
    text = json_text(samples.report())
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(document["judgement"]) == {each.name for each in fields(Judgement)}
    assert document["judgement"]["results"][3]["worst"] == "Infinity"
    assert document["watch"]["number"] == 3
