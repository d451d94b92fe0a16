"""Judges simulated days: verdicts on healthy ones, and how soon faults are found.

`python -m tools.watch_simulation --days 10000 --fault-days 15 --interval 60` prints tables; with `--against ddb1a91` it
judges the same days with that revision, too. The evaluation is the real one, with the checks of the watch that have
outcomes; the values of the others would not change.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from alerts.policy.load import load_policy
from alerts.watch.analysis.verdict import WatchEvaluator
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.clock import WatchTime
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.runtime.watch_manager import WatchFactory
from tools.simulated_days import DAY, FAULTS, HEALTHY, HOUR, MINUTE, SHAPES, START, Day, faulty_days, healthy_days

ROOT = Path(__file__).parents[1]
CHECKS = ("processing_time", "initialisations", "initialisation_budget", "fallbacks")
# Seconds between two judgements after a fault has begun.
_RESOLUTION = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a day, the checks that failed, and the seconds from the begin of its fault to FAIL."""

    kind: str
    shape: str
    verdict: str
    failed: tuple[str, ...] = ()
    seconds: float | None = None


def watch_of(interval: float) -> Watch:
    """A watch of a day with the default configuration and an application. `interval` is that of its ticks, seconds."""
    factory = WatchFactory(CheckParameters(load_policy(), DAY, application=True), interval, "simulated")
    watch = factory.watch(1, "manual", WatchTime(START, 0.0, "boot"), 0.0)
    return replace(watch, checks=tuple(check for check in watch.checks if check.name in CHECKS), sources={})


def evaluate(day: Day, watch: Watch) -> Outcome:
    """The verdict on a day."""
    evaluator, due, found = WatchEvaluator(watch), day.begin, None
    for tick in day.ticks():
        evaluator.add(tick)
        if day.fault and found is None and tick.elapsed >= due:
            due = tick.elapsed + _RESOLUTION
            if evaluator.judgement(tick.at, tick.elapsed, final=False).verdict is Verdict.FAIL:
                found = tick.elapsed - day.begin
    judgement = evaluator.judgement(START + DAY, DAY, final=True)
    if day.fault and judgement.verdict is Verdict.FAIL and found is None:
        found = DAY - day.begin
    failed = tuple(result.check.name for result in judgement.results if result.verdict is Verdict.FAIL)
    return Outcome(day.kind, day.shape, judgement.verdict or "", failed, found)


def outcomes(options: argparse.Namespace) -> Iterator[Outcome]:
    """Of all days, one after the other."""
    watch = watch_of(options.interval)
    for day in healthy_days(options.days, options.seed, options.interval):
        yield evaluate(day, watch)
    for day in faulty_days(options.fault_days, options.seed, options.interval):
        yield evaluate(day, watch)


def table(found: Sequence[Outcome], title: str) -> Iterator[str]:
    """Markdown: the verdicts on healthy days by kind, and on each fault with each shape of traffic."""
    yield from (f"**{title}**", "", "| Healthy days | Number | FAIL | INCONCLUSIVE | PASS | Failed checks |")
    yield "|---|---:|---:|---:|---:|---|"
    for kind in HEALTHY:
        yield from _healthy(kind, [each for each in found if each.kind == kind])
    yield from _healthy("all", [each for each in found if each.kind in HEALTHY])
    yield from ("", "| Fault | Traffic | Days | Found | Hours (median) | Passed |", "|---|---|---:|---:|---:|---:|")
    for kind in FAULTS:
        for shape in SHAPES:
            yield from _faulty(kind, shape, [each for each in found if (each.kind, each.shape) == (kind, shape)])


def _healthy(kind: str, days: Sequence[Outcome]) -> Iterator[str]:
    if days:
        verdicts = Counter(each.verdict for each in days)
        shares = " | ".join(f"{verdicts[verdict] / len(days):.2%}" for verdict in Verdict)
        failed = Counter(name for each in days for name in each.failed)
        names = ", ".join(f"{name} {count}" for name, count in failed.most_common())
        yield f"| {kind} | {len(days)} | {shares} | {names} |"


def _faulty(kind: str, shape: str, days: Sequence[Outcome]) -> Iterator[str]:
    if days:
        times = [each.seconds for each in days if each.seconds is not None]
        hours = f"{median(times) / HOUR:.1f}" if times else "-"
        passed = sum(each.verdict == Verdict.PASS for each in days)
        yield f"| {kind} | {shape} | {len(days)} | {len(times) / len(days):.0%} | {hours} | {passed / len(days):.0%} |"


def against(revision: str, arguments: Sequence[str]) -> list[Outcome]:
    """The same days with the evaluation of another revision. Raises: CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="outbox-revision-") as folder:
        tree = Path(folder, "tree")
        _git("worktree", "add", "--quiet", "--detach", str(tree), revision)
        try:
            for module in ("simulated_days.py", Path(__file__).name):
                tree.joinpath("tools", module).write_bytes(Path(__file__).with_name(module).read_bytes())
            command = [sys.executable, "-m", "tools.watch_simulation", *arguments, "--raw"]
            environment = {**os.environ, "PYTHONPATH": str(tree)}
            text = subprocess.run(command, env=environment, cwd=tree, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
        finally:
            _git("worktree", "remove", "--force", str(tree))
    return [Outcome(**json.loads(line)) for line in text.splitlines()]


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)  # noqa: S603, S607


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--days", type=int, default=100, help="healthy days")
    made.add_argument("--fault-days", type=int, default=0, help="days of each fault with each shape of traffic")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--interval", type=float, default=15.0, help="seconds between ticks")
    made.add_argument("--against", metavar="REVISION", help="judge the same days with this revision, too")
    made.add_argument("--raw", action="store_true", help="print one JSON object for each day")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulation, and print its result."""
    options = parser().parse_args(arguments)
    if options.raw:
        for each in outcomes(options):
            print(json.dumps(asdict(each)))  # noqa: T201 - the output of a command
        return 0
    lines = list(table(list(outcomes(options)), "this revision"))
    if options.against:
        words = (options.days, options.fault_days, options.seed, options.interval)
        names = ("--days", "--fault-days", "--seed", "--interval")
        same = [text for name, word in zip(names, words, strict=True) for text in (name, str(word))]
        lines += ["", *table(against(options.against, same), options.against)]
    print("\n".join(lines))  # noqa: T201 - the output of a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
