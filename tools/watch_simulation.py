"""Simulates days of a watch, and counts the verdicts: false ones on healthy days, and how soon faults are found.

`python -m tools.watch_simulation --days 10000 --against ddb1a91` evaluates the same days with the judging of another
revision, too. The evaluation is the real one: `WatchEvaluator` with the checks of the watch, and a tick for each
interval. Simulated are the counters and the signals computed from them. A day is healthy when the probability of a
failure is at most the limit of the check at all times, apart from outages that are shorter than its budget.

A day depends on its number and the seed only, not on its neighbours nor on the revision.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

from alerts.policy.load import load_policy
from alerts.watch.analysis.verdict import WatchEvaluator
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.clock import WatchTime
from alerts.watch.model.tick import Cause, Tick
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.runtime.watch_manager import WatchFactory

ROOT = Path(__file__).parents[1]
START = 1_763_460_000.0  # 2025-11-18 10:00 UTC
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# The signals cover six hours, also at the begin of the watch.
_BEFORE = 6 * HOUR
# How long a watch with a fault waits between two judgements, seconds.
_RESOLUTION = 5 * MINUTE

CHECKS = ("processing_time", "initialisations", "initialisation_budget", "fallbacks")

# Initialisations per minute by the hour of the watch; each one makes a job. They depend on the minute as well.
SHAPES: Mapping[str, Callable[[float], float]] = {
    "steady": lambda hour: 60.0,
    "idle nights": lambda hour: 0.0 if 12 <= hour < 20 else 90.0,  # noqa: PLR2004
    "bursts": lambda hour: 100.0 if hour % 2 < 1 / 6 else 5.0,  # noqa: PLR2004
    "low": lambda hour: 4.0,
}


@dataclass(frozen=True, slots=True)
class Rates:
    """The true values: shares of failed initialisations and of jobs that take more than a minute; fallbacks a minute."""

    failed: float
    slow: float
    fallbacks: float


# The limits: 1.5 % of the initialisations over hours, 5 % of the jobs, 10 fallbacks in five minutes.
USUAL = Rates(0.002, 0.001, 0.04)
HEALTHY: Mapping[str, Rates] = {
    "usual": USUAL,
    "half of the limits": Rates(0.0075, 0.025, 1.0),
    "at the limits": Rates(0.015, 0.05, 2.0),
    "outages within the budgets": USUAL,
    "failures in batches": Rates(0.005, 0.005, 0.2),
}
OUTAGES, BATCHES = "outages within the budgets", "failures in batches"
BATCH = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """Other rates from a random time on, for so many hours."""

    rates: Rates
    hours: float = 24.0


FAULTS: Mapping[str, Fault] = {
    "2.5 % fail": Fault(Rates(0.025, 0.001, 0.04)),
    "4 % fail": Fault(Rates(0.04, 0.001, 0.04)),
    "8 % fail": Fault(Rates(0.08, 0.001, 0.04)),
    "20 % fail for 1 h": Fault(Rates(0.2, 0.001, 0.04), 1.0),
    "all fail for 20 min": Fault(Rates(0.98, 0.001, 0.04), 1 / 3),
    "8 % are slow": Fault(Rates(0.002, 0.08, 0.04)),
    "20 % are slow for 2 h": Fault(Rates(0.002, 0.2, 0.04), 2.0),
    "15 fallbacks in 5 min": Fault(Rates(0.002, 0.001, 3.0)),
}


@dataclass(slots=True)
class _Events:
    """Events with a probability for each trial: draws the trials until the next event, which is faster than each."""

    rng: random.Random
    probability: float = 0.0
    left: float = math.inf

    def among(self, trials: int, probability: float) -> int:
        if probability != self.probability:
            self.probability, self.left = probability, self._draw(probability)
        found, self.left = 0, self.left - trials
        while self.left <= 0:
            found += 1
            self.left += self._draw(probability)
        return found

    def _draw(self, probability: float) -> float:
        if probability <= 0:
            return math.inf
        return 1.0 if probability >= 1 else math.floor(math.log(1 - self.rng.random()) / math.log1p(-probability)) + 1


@dataclass(slots=True)
class _Counts:
    """Totals since six hours before the watch, by the number of intervals."""

    tried: list[int] = field(default_factory=lambda: [0])
    failed: list[int] = field(default_factory=lambda: [0])
    slow: list[int] = field(default_factory=lambda: [0])
    fallbacks: list[int] = field(default_factory=lambda: [0])


@dataclass(frozen=True, slots=True)
class Day:
    """One simulated day. `fault` begins at `begin` seconds."""

    number: int
    seed: int
    interval: float
    shape: str
    kind: str
    rates: Rates
    fault: Fault | None = None
    begin: float = 0.0

    def ticks(self) -> Iterator[Tick]:
        """The ticks of the watch, with restarts of the exporter (gaps) and of the application (resets)."""
        rng = random.Random(f"{self.seed}/{self.number}/{self.kind}/{self.shape}")  # noqa: S311 - a simulation
        values: dict[str, float] = {}
        counts, run, since = self._counts(rng), 1, 0
        offset = round(_BEFORE / self.interval)
        size = round(DAY / self.interval)
        gaps = {
            rng.randrange(1, size): rng.randrange(1, round(4 * MINUTE / self.interval)) for _ in range(rng.randrange(3))
        }
        resets = {rng.randrange(1, size) for _ in range(rng.randrange(3))}
        base, ended, before = 0, 0, Cause.EXPORTER_STALLED
        for index in range(1, size + 1):
            if index in resets:
                base = offset + index - 1
            if index in gaps:
                ended, before = index + gaps[index], Cause.EXPORTER_DOWN
                run, since = run + 1, offset + ended - 1
            if index < ended:
                continue
            at = START + index * self.interval
            _fill(values, counts, offset + index, base, since, self.interval)
            yield Tick(at, index * self.interval, run, self.interval, dict(values), before=before)
            before = Cause.EXPORTER_STALLED

    def _counts(self, rng: random.Random) -> _Counts:
        counts, shape = _Counts(), SHAPES[self.shape]
        failed, slow, fallbacks = _Events(rng), _Events(rng), _Events(rng)
        outages = self._outages(rng)
        elapsed = -_BEFORE
        while elapsed < DAY:
            rates = self._rates(elapsed, outages)
            trials = int(shape(max(elapsed, 0.0) / HOUR % 24) * self.interval / MINUTE + rng.random())
            if self.kind == BATCHES:
                bad = min(trials, BATCH * failed.among(trials, rates.failed / BATCH))
            else:
                bad = failed.among(trials, rates.failed)
            counts.tried.append(counts.tried[-1] + trials)
            counts.failed.append(counts.failed[-1] + bad)
            counts.slow.append(counts.slow[-1] + slow.among(trials, rates.slow))
            # A hundred trials a second: a Poisson process but for a tiny error.
            tries = round(100 * self.interval)
            counts.fallbacks.append(counts.fallbacks[-1] + fallbacks.among(tries, rates.fallbacks / MINUTE / 100))
            elapsed += self.interval
        return counts

    def _outages(self, rng: random.Random) -> list[tuple[float, float]]:
        """Of one to three minutes, two a day."""
        if self.kind != OUTAGES:
            return []
        starts = (rng.uniform(0, DAY / 2 - HOUR), rng.uniform(DAY / 2, DAY - HOUR))
        return [(start, start + rng.uniform(1, 3) * MINUTE) for start in starts]

    def _rates(self, elapsed: float, outages: Sequence[tuple[float, float]]) -> Rates:
        if any(start <= elapsed < end for start, end in outages):
            return Rates(1.0, 1.0, 20 * self.rates.fallbacks)
        if self.fault and self.begin <= elapsed < self.begin + self.fault.hours * HOUR:
            return self.fault.rates
        return self.rates


def _fill(values: dict[str, float], counts: _Counts, now: int, base: int, since: int, interval: float) -> None:
    """The counters, and the signals as the rules compute them: over a window, or since the exporter's start."""
    tried, failed, slow, fallbacks = counts.tried, counts.failed, counts.slow, counts.fallbacks

    def start(seconds: float) -> int:
        return max(now - round(seconds / interval), since, 0)

    five, ten, half, hour, six = (start(seconds) for seconds in (5 * MINUTE, 10 * MINUTE, HOUR / 2, HOUR, 6 * HOUR))
    attempts = tried[now] - tried[five]
    values["outbox:fsm_attempts:increase5m"] = attempts
    values["outbox:fsm_attempts:increase1h"] = tried[now] - tried[hour]
    _set(values, "outbox:fsm_failure_ratio:5m", failed[now] - failed[five], attempts)
    values["outbox:fsm_failures:increase6h"] = failed[now] - failed[six]
    _set(values, "outbox:fsm_failure_ratio:6h", failed[now] - failed[six], tried[now] - tried[six])
    values["outbox:fallback_activations:increase5m"] = fallbacks[now] - fallbacks[five]
    values["outbox:completed_jobs:increase30m"] = tried[now] - tried[half]
    jobs, late = tried[now] - tried[ten], slow[now] - slow[ten]
    _set(values, "outbox:processing_time_p95_seconds", 100.0 * jobs if late > 0.05 * jobs else 2.5 * jobs, jobs)  # noqa: PLR2004
    values['outbox_app_fsm_initializations_total{result="succeeded"}'] = (
        tried[now] - tried[base] - failed[now] + failed[base]
    )
    values['outbox_app_fsm_initializations_total{result="failed"}'] = failed[now] - failed[base]
    values["outbox_app_fallback_activations_total"] = fallbacks[now] - fallbacks[base]
    values["outbox_processing_time_seconds_count"] = tried[now] - tried[since]
    values['outbox_processing_time_seconds_bucket{le="60"}'] = tried[now] - tried[since] - slow[now] + slow[since]


def _set(values: dict[str, float], name: str, part: float, whole: float) -> None:
    if whole:
        values[name] = part / whole
    else:
        values.pop(name, None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a day, the checks that failed, and seconds from the begin of the fault to FAIL."""

    kind: str
    shape: str
    verdict: str
    failed: tuple[str, ...]
    inconclusive: tuple[str, ...] = ()
    seconds: float | None = None


def healthy_days(days: int, seed: int, interval: float) -> Iterator[Day]:
    """Every kind of day with every shape of traffic, in turn."""
    for number in range(days):
        kind = list(HEALTHY)[number % len(HEALTHY)]
        shape = list(SHAPES)[number // len(HEALTHY) % len(SHAPES)]
        yield Day(number, seed, interval, shape, kind, HEALTHY[kind])


def faulty_days(days: int, seed: int, interval: float) -> Iterator[Day]:
    """So many days of each fault with each shape."""
    for kind, fault in FAULTS.items():
        for shape in SHAPES:
            for number in range(days):
                begin = random.Random(f"{seed}/{number}/{kind}").uniform(HOUR, 12 * HOUR)  # noqa: S311 - a simulation
                yield Day(number, seed, interval, shape, kind, USUAL, fault, begin)


def watch_of(interval: float) -> Watch:
    """A watch of a day with the default configuration and an application, and the checks of outcomes only.

    The values of the others would not change.
    """
    factory = WatchFactory(CheckParameters(load_policy(), DAY, application=True), interval, "simulated")
    watch = factory.watch(1, "manual", WatchTime(START, 0.0, "boot"), 0.0)
    return replace(watch, checks=tuple(check for check in watch.checks if check.name in CHECKS), sources={})


def evaluate(day: Day, watch: Watch) -> Outcome:
    """The verdict on a day by the real evaluation."""
    evaluator, found = WatchEvaluator(watch), None
    due = day.begin
    for tick in day.ticks():
        evaluator.add(tick)
        if day.fault and found is None and tick.elapsed >= due:
            due = tick.elapsed + _RESOLUTION
            if evaluator.judgement(tick.at, tick.elapsed, final=False).verdict is Verdict.FAIL:
                found = tick.elapsed - day.begin
    judgement = evaluator.judgement(START + DAY, DAY, final=True)
    names: dict[Verdict | None, list[str]] = {}
    for result in judgement.results:
        names.setdefault(result.verdict, []).append(result.check.name)
    verdict = judgement.verdict or Verdict.INCONCLUSIVE
    if day.fault and verdict is Verdict.FAIL and found is None:
        found = DAY - day.begin
    return Outcome(
        day.kind,
        day.shape,
        verdict.value,
        tuple(names.get(Verdict.FAIL, ())),
        tuple(names.get(Verdict.INCONCLUSIVE, ())),
        found,
    )


def outcomes(options: argparse.Namespace) -> Iterator[Outcome]:
    """Of all days."""
    watch = watch_of(options.interval)
    for day in healthy_days(options.days, options.seed, options.interval):
        yield evaluate(day, watch)
    for day in faulty_days(options.fault_days, options.seed, options.interval):
        yield evaluate(day, watch)


def table(found: Sequence[Outcome], title: str) -> list[str]:
    """Markdown: verdicts of healthy days by kind, and faults with share found and median hours to FAIL."""
    lines = [
        f"### {title}",
        "",
        "| Days | Number | FAIL | INCONCLUSIVE | PASS | failed checks |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for kind in HEALTHY:
        lines += _healthy(kind, [each for each in found if each.kind == kind])
    lines += _healthy("all healthy days", [each for each in found if each.kind in HEALTHY])
    lines += ["", "| Fault | Traffic | Days | Found | Median hours |", "|---|---|---:|---:|---:|"]
    for kind in FAULTS:
        for shape in SHAPES:
            days = [each for each in found if (each.kind, each.shape) == (kind, shape)]
            times = [each.seconds for each in days if each.seconds is not None]
            if days:
                hours = f"{median(times) / HOUR:.1f}" if times else ""
                lines.append(f"| {kind} | {shape} | {len(days)} | {len(times) / len(days):.0%} | {hours} |")
    return lines


def _healthy(kind: str, days: Sequence[Outcome]) -> Iterator[str]:
    if days:
        verdicts = Counter(each.verdict for each in days)
        failed = Counter(name for each in days for name in each.failed)
        shares = " | ".join(f"{verdicts[verdict.value] / len(days):.2%}" for verdict in Verdict)
        yield f"| {kind} | {len(days)} | {shares} | {', '.join(f'{name} {count}' for name, count in failed.most_common())} |"


def against(revision: str, arguments: Sequence[str]) -> list[Outcome]:
    """The same days with the evaluation of another revision. Raises: CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="outbox-revision-") as folder:
        tree = Path(folder, "tree")
        subprocess.run(["git", "worktree", "add", "--detach", tree, revision], cwd=ROOT, check=True)  # noqa: S603, S607
        try:
            command = [sys.executable, __file__, *arguments, "--raw"]
            environment = {**os.environ, "PYTHONPATH": str(tree)}
            text = subprocess.run(command, env=environment, cwd=tree, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)  # noqa: S603, S607
    return [Outcome(**json.loads(line)) for line in text.splitlines()]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--days", type=int, default=100, help="healthy days")
    made.add_argument("--fault-days", type=int, default=0, help="days of each fault with each shape of traffic")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--interval", type=float, default=15.0, help="seconds between ticks")
    made.add_argument("--against", metavar="REVISION", help="evaluate the same days with this revision, too")
    made.add_argument("--raw", action="store_true", help="print one JSON object for each day")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulation; prints Markdown."""
    options = parser().parse_args(arguments)
    if options.raw:
        for each in outcomes(options):
            print(json.dumps(asdict(each)))  # noqa: T201 - the output of a command
        return 0
    lines = table(list(outcomes(options)), "This revision")
    if options.against:
        words = [
            "--days",
            options.days,
            "--fault-days",
            options.fault_days,
            "--seed",
            options.seed,
            "--interval",
            options.interval,
        ]
        lines += ["", *table(against(options.against, [str(word) for word in words]), options.against)]
    print("\n".join(lines))  # noqa: T201 - the output of a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
