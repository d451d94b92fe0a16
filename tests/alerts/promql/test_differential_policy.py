"""Every expression of the policy, asked of our engine and of a real Prometheus over outboxes with faults."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import CompiledRules
from alerts.model import Policy
from alerts.policy.load import load_policy
from alerts.promql.storage import Sample, Storage
from tests import newest
from tests.alerts.faulty import FAULTS, FaultyOutbox
from tests.alerts.promql.oracle import oracle
from tests.alerts.promql.random_scrapes import START, STEP, RandomScrape, labelled, written
from tests.alerts.promql.test_differential import TwoEngines, agree

TICKS: Final = 160
BEGINS, ENDS = 50, 120
# Signals are recorded a moment after each scrape, and asked for another moment later: never on a window's edge.
AFTER: Final = 7
TIMES: Final = range(START + AFTER + 4, START + TICKS * STEP, 9 * STEP)


def scrapes() -> list[RandomScrape]:
    """All faults at once, each in a job of its own, watched by two replicas of which one is late."""
    outboxes = [
        (
            FaultyOutbox(fault, BEGINS + late, ENDS, pace=1.0, born=START / 1000),
            {"job": fault.__name__, "instance": instance},
        )
        for fault in FAULTS
        for instance, late in (("one", 0), ("two", 3))
    ]
    made = []
    for tick in range(TICKS):
        at = START + tick * STEP
        samples = [
            (metric, labelled(**more, **labels), value)
            for outbox, labels in outboxes
            for metric, more, value in outbox.tick(at / 1000)
        ]
        made.append(RandomScrape(at, tuple(samples)))
    return made


def recorded(policy: Policy, seen: list[RandomScrape]) -> tuple[Storage, list[RandomScrape]]:
    """The signals after each scrape as our engine stores them, and as samples of a scrape."""
    rules, kept = CompiledRules(policy), []
    storage = rules.storage
    for scrape in seen:
        storage.append(scrape.at / 1000, scrape.samples)
        rules.evaluate(ClockReading((scrape.at + AFTER) / 1000), frozenset())
        kept.append(RandomScrape(scrape.at + AFTER, tuple(_signals(policy, storage, scrape.at + AFTER))))
    return storage, kept


def _signals(policy: Policy, storage: Storage, at: int) -> list[Sample]:
    records = {signal.record for signal in policy.signals}
    return [
        (series.metric, series.labels, series.values[-1])
        for series in storage.series()
        if series.metric in records and series.times[-1] == at
    ]


@newest.either
def test_policy_expressions_agree(require: newest.Require, tmp_path: Path) -> None:
    """Signals as recorded, then every signal's and every rule's expression: the same labels, the same values."""
    policy = load_policy()
    seen = scrapes()
    storage, signals = recorded(policy, seen)
    with oracle(tmp_path, require) as server:
        server.write([*written(seen), *written(signals)])
        both = TwoEngines(server, storage)
        expressions = [signal.expr for signal in policy.signals] + [rule.expr for rule in policy.rules]
        kinds = [agree(both, expression, TIMES) for expression in expressions]
        assert all(agree(both, signal.record, TIMES) != "refused" for signal in policy.signals)
    assert "refused" not in kinds
    assert kinds.count("values") > len(kinds) * 0.8
