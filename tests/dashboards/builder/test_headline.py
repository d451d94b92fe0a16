"""The numbers at the top of the overview."""

from __future__ import annotations

from dashboards.builder.headline import HeadlinePanels
from tests.dashboards.builder.made import limits, made, policy, titles

PANELS = HeadlinePanels(policy())
WAITING, FAILING = list(PANELS.waiting()), list(PANELS.failing())


def test_there_are_two_lines_of_five():
    """Pending jobs, then failing ones."""
    assert titles(WAITING) == ["Backlog", "Oldest job", "Drain time", "Created / min", "Processed / min"]
    assert titles(FAILING) == [
        "Processing time",
        "Failure ratio",
        "Initialisation failures",
        "Head blocked",
        "Exhausted jobs",
    ]


def test_they_have_the_policys_thresholds():
    """At the head, only that of the page."""
    assert [limits(panel) for panel in WAITING] == [[500, 1000], [300], [900], [], []]
    assert [limits(panel) for panel in FAILING] == [[60], [0.1], [0.05], [50], [1]]


def test_throughput_is_the_lowest_of_several_outboxes():
    """Other numbers are the highest."""
    first = [made(panel)["targets"][0]["expr"].split("(")[0] for panel in (*WAITING, *FAILING)]
    assert first == ["max", "max", "max", "min", "min", "max", "max", "max", "max", "max"]


def test_an_empty_outbox_has_a_text():
    """An infinite drain time is `never`."""
    texts = [
        [
            text["text"]
            for mapping in made(panel)["fieldConfig"]["defaults"]["mappings"]
            for text in (mapping["options"].get("result"), *mapping["options"].values())
            if isinstance(text, dict) and "text" in text
        ]
        for panel in WAITING[1:3]
    ]
    assert "none" in texts[0]
    assert {"empty", "never"} <= set(texts[1])
