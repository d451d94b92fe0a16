"""Every query of every dashboard, run in a real Prometheus that scraped a real outbox with all faults.

Queries have data. Panels of a fault show it while the fault lasts, with the durations of a scaled policy; while values
are unknown, the panels show them as unknown.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from dashboards.builder.build import dashboards
from dashboards.builder.promql import PolicySignals
from tests.dashboards.reading import ALL, Query, filled, of
from tests.dashboards.world import MARKERS, NEWEST_SAMPLE, STEP, Recording, labels_of, played
from tests.newest import SOURCES

# The faults take a minute, and several on a busy machine: the first test waits for all of them.
pytestmark = pytest.mark.timeout(480)

# This lab has an application of the deployed dialect, a primary, no odd row, no clean-up in its few minutes and no dead
# row that stays; the panels have a text for it.
ELSEWHERE = {
    "outbox-overview.json: Durations, by the application B": "in the documented dialect only",
    "outbox-overview.json: Growth of exhausted jobs A": "unknown for the first hour",
    "outbox-overview.json: Vacuum horizon held back A": "No series while none stay",
    "outbox-overview.json: Clean-up jobs A": "no line before its first",
    "outbox-overview.json: Clean-up jobs B": "no line before its first",
    "outbox-overview.json: Error budget left A": "Unknown until the samples reach back so far",
    "exporter-health.json: Drill A": "none is configured",
    "exporter-health.json: Time since the last drill A": "No value: no drill yet",
    "exporter-health.json: Replay lag A": "none on a primary",
    "exporter-health.json: Truncation and odd rows E": "no series while there are none",
}

Values = list[float]
# Longer than a scrape takes, seconds.
SCRAPE = 0.25


def most(least: float) -> Callable[[Values], bool]:
    """It reached so much."""
    return lambda values: max((value for value in values if not math.isnan(value)), default=-math.inf) >= least


def fell_to(value: float) -> Callable[[Values], bool]:
    """It came down to this."""
    return lambda values: min((value for value in values if not math.isnan(value)), default=math.inf) <= value


def unknown(values: Values) -> bool:
    """In the end nothing was known."""
    return not values or math.isnan(values[-1])


class Outcome(NamedTuple):
    """The expected values of a panel while a fault lasts; `legend` selects one of its queries."""

    file: str
    panel: str
    legend: str
    fault: str
    shows: Callable[[Values], bool]


TROUBLES = [
    Outcome("outbox-overview.json", "Verdict", "", "poison-rows", most(2)),
    Outcome("outbox-overview.json", "Firing now", "", "poison-rows", most(2)),
    Outcome("outbox-overview.json", "Alerts over time", "", "poison-rows", most(2)),
    Outcome("outbox-overview.json", "Head blocked", "", "poison-rows", most(100)),
    Outcome("outbox-overview.json", "Exhausted jobs", "", "poison-rows", most(100)),
    Outcome("outbox-overview.json", "Firing now", "", "processor-stalled", fell_to(-8)),
    Outcome("outbox-overview.json", "Health conditions", "No job is exhausted", "poison-rows", fell_to(0)),
    Outcome("outbox-overview.json", "Initialisation failures", "", "failing-initialisations", most(0.05)),
    Outcome("outbox-overview.json", "Initialisation failures", "5 minutes", "failing-initialisations", most(0.05)),
    Outcome("outbox-overview.json", "Fallback activations", "layer {{layer}}", "failing-initialisations", most(1)),
    Outcome("outbox-overview.json", "Oldest expired key", "", "cleanup-dead", most(26)),
    Outcome("outbox-overview.json", "Health conditions", "Clean-up runs", "cleanup-dead", fell_to(0)),
    Outcome("outbox-overview.json", "Oldest job", "", "processor-stalled", most(6)),
    Outcome("outbox-overview.json", "Health conditions", "Jobs are processed", "processor-stalled", fell_to(0)),
    Outcome("outbox-overview.json", "Drain time", "to empty", "processor-stalled", most(1440)),
    Outcome("outbox-overview.json", "Processed / min, by queue", "all", "processor-stalled", fell_to(0)),
    Outcome("outbox-overview.json", "Health conditions", "Application answers", "application-down", fell_to(0)),
    Outcome("outbox-overview.json", "Endpoints and health checks", "{{endpoint}}", "application-down", fell_to(0)),
    Outcome("outbox-overview.json", "Initialisation failures", "", "application-down", unknown),
    Outcome("outbox-overview.json", "Health conditions", "Rows are read", "database-lock", fell_to(0)),
    Outcome("outbox-overview.json", "Backlog", "", "database-lock", unknown),
    Outcome("outbox-overview.json", "Oldest job", "", "database-lock", unknown),
    Outcome("outbox-overview.json", "Drain time", "", "database-lock", unknown),
    Outcome("outbox-overview.json", "Processed / min", "", "database-lock", unknown),
    Outcome("outbox-overview.json", "Processing time", "", "database-lock", unknown),
    Outcome("migration-watch.json", "Samples: received, failed, missing", "{{collector}}", "database-lock", fell_to(0)),
    Outcome("migration-watch.json", "Share of each threshold at worst", "Head blocked", "poison-rows", most(1)),
    Outcome("migration-watch.json", "Alerts over time, by Prometheus", "", "poison-rows", most(2)),
    Outcome("exporter-health.json", "Failing collectors", "", "database-lock", most(1)),
    Outcome("exporter-health.json", "Collectors", "", "database-lock", fell_to(0)),
    Outcome("exporter-health.json", "Failures by reason", "", "database-lock", most(1)),
    Outcome("exporter-health.json", "Notifications per minute, by result", "", "poison-rows", most(1)),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Recording]]:
    with played(tmp_path_factory.mktemp("recording")) as recordings:
        yield recordings


@pytest.fixture(scope="module", params=SOURCES)
def recording(recordings: dict[str, Recording], request: pytest.FixtureRequest) -> Recording:
    """As Debian's Prometheus saw it, and as today's did."""
    SOURCES[request.param]("prometheus")
    return recordings[request.param]


def test_every_question_is_answered(recording):
    """With at least one number, finite or infinite; otherwise the panel has a text."""
    silent = {str(query): query for query in ALL if not any(map(_has_values, recording.values(query.expr).values()))}
    for where, why in ELSEWHERE.items():
        query = silent.pop(where)
        assert why in query.panel["description"]
    assert not silent, "\n".join(f"{where}: {query.expr}" for where, query in silent.items())


@pytest.mark.parametrize("expected", TROUBLES, ids=lambda each: f"{each.panel} {each.legend} in {each.fault}")
def test_faults_are_visible_in_their_panels(recording, scaled, expected):
    """While it lasts, by the values of the panel that is about it."""
    asked = [
        query
        for query in scaled[expected.file]
        if query.panel.get("title") == expected.panel and expected.legend in ("", query.target["legendFormat"])
    ]
    assert asked
    answers = [recording.values(query.expr, expected.fault) for query in asked]
    assert any(expected.shows(values) for answer in answers for values in answer.values() or [[]]), answers


def test_panels_show_the_evaluated_values(recording):
    """Each signal, written out for a panel, equals the value that Prometheus recorded for the rules at the same times.

    A scrape has the time at which it began, and a rule that is evaluated before it ends does not use it. Evaluations in
    which that is so for some of the rules are left out, if there are others. The panel's value a moment earlier is
    accepted too, and a few evaluations of both faults may differ: not all of one of them.
    """
    judged = PolicySignals(recording.policy)
    moments = [recording.faults[fault][1] - 1 for fault in ("poison-rows", "processor-stalled")]
    compared = 0
    for signal in recording.policy.signals:
        equal: dict[object, list[bool]] = defaultdict(list)
        for moment in moments:
            for labels, evaluated in recording.at(f"timestamp({signal.record})", moment).items():
                recorded = _undisturbed(recording, _before(recording, signal.record, labels, evaluated), evaluated)
                drawn = _before(recording, judged(signal.record), labels, evaluated)
                earlier = _before(recording, judged(signal.record), labels, evaluated, SCRAPE)
                same = [_equal(value, drawn.get(at), earlier.get(at)) for at, value in recorded.items()]
                assert any(same) or not same, f"{signal.record} until {evaluated}: {recorded} {drawn} {earlier}"
                equal[labels] += same
                compared += 1
        for labels, each in equal.items():
            assert sum(each) >= 0.7 * len(each), f"{signal.record} {labels}: {each}"
    assert compared > len(recording.policy.signals)


def _before(recording: Recording, expr: str, labels: Any, moment: float, earlier: float = 0) -> dict[float, float]:
    """The values of one series at ten evaluations up to that moment, or each so much earlier, by their times."""
    start, end = moment - 9 * STEP - earlier, moment - earlier
    answer = recording.ask("query_range", query=filled(expr), start=start, end=end, step=STEP)
    series: list[Any] = next((one["values"] for one in answer if labels_of(one["metric"]) == labels), [])
    return {round(at + earlier, 2): float(value) for at, value in series}


def _undisturbed(recording: Recording, recorded: dict[float, float], moment: float) -> dict[float, float]:
    """Without the evaluations during which a scrape ended; all of them where each is one."""
    seen, *marked = (_before(recording, expr, (), moment) for expr in (NEWEST_SAMPLE, *MARKERS))
    return {
        at: value for at, value in recorded.items() if at in seen and all(each.get(at) == seen[at] for each in marked)
    } or recorded


def _equal(recorded: float, *drawn: float | None) -> bool:
    return any(value is not None and value == pytest.approx(recorded, nan_ok=True) for value in drawn)


@pytest.fixture(scope="module")
def scaled(recording) -> dict[str, list[Query]]:
    """The dashboards with the durations of the scaled policy."""
    return {file: list(of(file, dashboard)) for file, dashboard in dashboards(recording.policy).items()}


def _has_values(values: Values) -> bool:
    return any(not math.isnan(value) for value in values)
