"""Panels of the application."""

from __future__ import annotations

from dashboards.builder.application import ApplicationPanels
from tests.dashboards.builder.made import legends, limits, made, policy

PANELS = ApplicationPanels(policy())


def test_fallbacks_have_the_policys_thresholds():
    """A ticket for activations; a page for failures."""
    assert limits(PANELS.fallbacks()) == [10]
    assert limits(PANELS.fallback_failures()) == [3]
    assert legends(PANELS.fallbacks()) == ["layer {{layer}}", "in 5 minutes"]
    assert legends(PANELS.fallback_failures()) == ["layer {{layer}}", "in 10 minutes"]


def test_the_applications_counts_are_shown_beside_the_tables():
    """They differ as deployed."""
    assert legends(PANELS.pending()) == ["application", "table"]
    assert legends(PANELS.counts()) == ["application", "application: failed", "table"]
    assert made(PANELS.counts())["targets"][2]["expr"].startswith("60 * max without (instance, pod) (rate(outbox_proc")


def test_ratios_and_durations_have_their_units():
    """A ratio reaches to 1."""
    hits = made(PANELS.cache_hits())["fieldConfig"]["defaults"]
    assert (hits["unit"], hits["max"]) == ("percentunit", 1)
    assert made(PANELS.durations())["fieldConfig"]["defaults"]["unit"] == "suffix:s"
    assert made(PANELS.durations())["fieldConfig"]["defaults"]["custom"]["scaleDistribution"]["type"] == "log"


def test_initialisations_are_stacked_bars():
    """By result; without an application the endpoints have a text."""
    custom = made(PANELS.initialisations())["fieldConfig"]["defaults"]["custom"]
    assert (custom["drawStyle"], custom["stacking"]["mode"]) == ("bars", "normal")
    assert "No application is configured" in made(PANELS.endpoints())["fieldConfig"]["defaults"]["noValue"]
