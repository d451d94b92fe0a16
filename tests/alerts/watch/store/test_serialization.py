"""Serialized values are read unchanged."""

from __future__ import annotations

import math

import pytest

from alerts.watch.model.result import Gap, Judgement
from alerts.watch.model.tick import Cause, TimeSpan
from alerts.watch.model.watch import Watch
from alerts.watch.store import serialization
from tests.alerts.watch import fixtures


def test_watches_and_judgements_are_restored():
    """Every field, nested ones, none, infinite ones, texts that tick like others."""
    watch = fixtures.watch()
    assert serialization.loads(Watch, serialization.dumps(watch)) == watch
    judgement = fixtures.judgement_of_a_day()
    assert serialization.loads(Judgement, serialization.dumps(judgement)) == judgement
    assert any(math.isinf(check.budget.total) for check in watch.checks)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"span":1,"cause":"x","affects":[]}', '{"cause":"table locked","later":1}'],
)
def test_values_of_another_type_are_refused(text):
    """Never half of it."""
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        serialization.loads(Gap, text)


def test_a_missing_field_has_its_default():
    """Written by an earlier version."""
    span = '{"started_at":1,"ended_at":2,"started":3,"seconds":4}'
    assert serialization.loads(Gap, f'{{"span":{span},"cause":"table locked"}}') == Gap(
        TimeSpan(1, 2, 3, 4), Cause.LOCK
    )
