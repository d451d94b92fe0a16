"""An outbox with one fault after the other, as its exporter samples it, and Prometheus over the same samples."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.backtest.model import Firing
from alerts.backtest.replay import Replay
from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import RuleGroup
from alerts.model import Policy, SampleBlock
from alerts.policy.rule_file import rule_file
from alerts.promql.storage import Sample
from alerts.watch.store.samples import pack, unpack
from tests.alerts.faulty import FAULTS, FaultyOutbox
from tests.alerts.test_agreement import labelled_samples, named, written

# Every second interval, as an exporter evaluates whose alerts nobody receives.
STEP: Final = 30
# Scrapes of each fault, and between two faults.
LASTS, HEALTHY = 36, 14
# Scrapes between two blocks of samples.
BLOCK: Final = 8


@dataclass(frozen=True, slots=True)
class Course:
    """Scrapes STEP seconds apart from 0 on; without samples while the exporter is down."""

    scrapes: tuple[tuple[Sample, ...], ...]

    def blocks(self, policy: Policy) -> Iterator[tuple[float, SampleBlock]]:
        """The samples as the rule group hands them over and the history stores them."""
        group = RuleGroup(policy)
        for number, samples in enumerate(self.scrapes):
            at = float(number * STEP)
            if samples:
                group.evaluate(ClockReading(at, float(STEP)), samples, frozenset())
            if number % BLOCK == BLOCK - 1 or number == len(self.scrapes) - 1:
                block = group.take_samples()
                if block is not None:
                    series = tuple(block.columns)
                    yield block.times[-1] / 1000, unpack(pack(block, series), series)

    def replayed(self, policy: Policy) -> tuple[Firing, ...]:
        """The alerts of a replay."""
        replay = Replay(policy)
        for t, block in self.blocks(policy):
            replay.add(t, block)
        found = replay.result()
        assert found is not None
        assert not found.failures
        return found.firings


def course(scrapes: int, down: Sequence[range] = ()) -> Course:
    """So many scrapes of all faults in turn; `down` are the scrapes at which the exporter does not answer."""
    period = LASTS + HEALTHY

    def fault(outbox: FaultyOutbox) -> None:
        if outbox.ticks % period < LASTS:
            FAULTS[outbox.ticks // period % len(FAULTS)](outbox)

    outbox = FaultyOutbox(fault, 0, scrapes, pace=1.0)
    shown = [tuple(labelled_samples(outbox.tick(float(number * STEP)))) for number in range(scrapes)]
    return Course(
        tuple(() if any(number in each for each in down) else samples for number, samples in enumerate(shown))
    )


def disagreements(promtool: Path, directory: Path, policy: Policy, made: Course, firings: Iterable[Firing]) -> str:
    """What promtool says against these alerts, evaluating the rule file over the same scrapes; empty if nothing."""
    rules = rule_file(policy)
    (directory / "rules.yaml").write_text(rules)
    tests = directory / "tests.yaml"
    tests.write_text(json.dumps(_promtool_file(rules, made, firings)))
    done = subprocess.run([promtool, "test", "rules", tests], capture_output=True, text=True, timeout=900, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _promtool_file(rules: str, made: Course, firings: Iterable[Firing]) -> dict[str, Any]:
    expected: list[list[dict[str, Any]]] = [[] for _ in made.scrapes]
    for each in firings:
        labels = dict(each.labels) | {
            "alertname": each.rule.alert,
            "severity": each.rule.severity.value,
            "alertstate": "firing",
        }
        last = each.end + STEP * 1000 if each.open else each.end
        for at in range(each.start, last, STEP * 1000):
            expected[at // (STEP * 1000)].append({"labels": named("ALERTS", sorted(labels.items())), "value": 1})
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [group["name"] for group in yaml.safe_load(rules)["groups"]],
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [
                    {"series": named(*name), "values": " ".join(written(values))}
                    for name, values in _series(made).items()
                ],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertstate="firing",alertname!="OutboxWatchdog"}',
                        "eval_time": f"{number * STEP}s",
                        "exp_samples": samples,
                    }
                    for number, samples in enumerate(expected)
                ],
            }
        ],
    }


def _series(made: Course) -> dict[tuple[str, tuple[tuple[str, str], ...]], list[float | None]]:
    names = dict.fromkeys((metric, labels) for samples in made.scrapes for metric, labels, _ in samples)
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[float | None]] = {name: [] for name in names}
    for samples in made.scrapes:
        values = {(metric, labels): value for metric, labels, value in samples}
        for name, column in found.items():
            column.append(values.get(name))
    return found
