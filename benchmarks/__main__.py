"""`python -m benchmarks`: fills a database, runs exporters on it at the same time, and reports the cost.

Modes: `compare`: all exporters over the same data, ours as in its image; `backlog`: a million pending jobs; `slow`:
a query that sleeps. Needs Debian's PostgreSQL (with its pg_stat_statements) and Alertmanager; installs query-exporter
from PyPI, and uses postgres_exporter and sql_exporter where `tools/newest` or Debian has installed them.
"""

import argparse
import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import builds, environment, exporters, stress
from benchmarks.builds import OURS
from benchmarks.compare import Responsiveness, compare
from benchmarks.environment import Environment
from benchmarks.exporters import Contender
from benchmarks.plan import SETUP, BenchmarkPlan, Durations, Size, Variant, count
from benchmarks.report import BenchmarkReport

# The size at which the monitoring queries of the guide are known to be expensive.
FULL: Final = Size(jobs=10_000_000, events=10_000_000, keys=660_000, courses=1_000, pending=1_200, rate=13_000)
SMALL: Final = replace(FULL, jobs=100_000, events=100_000, keys=6_600)
INDEXES: Final = next(SETUP.glob("*_add_outbox_monitoring_indexes.sql"))
_MODES: Final = ("compare", "backlog", "slow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the given modes; returns the exit status."""
    options = parser().parse_args(arguments)
    plan = plan_of(options)
    logging.basicConfig(level="INFO", format="%(asctime)s %(message)s", stream=sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        # A signal stops all started processes, also in the background, where Ctrl-C does not arrive.
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as stack:
        keep = plan.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-benchmark-")))
        contenders = _contenders(stack, plan, keep)
        opened = stack.enter_context(environment.open_environment(plan))
        versions = {"PostgreSQL": str(opened.cluster.major)} | {one.name: one.version for one in contenders}
        report = BenchmarkReport(plan, versions)
        run(opened, contenders, options.modes or _MODES[:1], report, lambda: _write(report, options.output))
    print(report.as_markdown())  # noqa: T201 - the output of a command
    return 0


def _contenders(stack: ExitStack, plan: BenchmarkPlan, keep: Path) -> list[Contender]:
    """Both uses of ours and of the other revision, and the other exporters."""
    found = stack.enter_context(builds.working_tree())
    if plan.against:
        found = [*found, *stack.enter_context(builds.at(plan.against))]
    return [*found, *exporters.others(keep, plan.exporters)]


def run(
    opened: Environment,
    contenders: list[Contender],
    modes: Sequence[str],
    report: BenchmarkReport,
    write_report: Callable[[], None],
) -> None:
    """The modes, one after the other; the report is written after each result."""

    def publish(found: Responsiveness) -> None:
        report.responsiveness = found
        write_report()

    if "compare" in modes:
        for comparison in compare(opened, contenders, publish):
            report.comparisons.append(comparison)
            write_report()
    ours = next(one for one in contenders if one.name == OURS)
    for mode, under_stress in (("backlog", stress.backlog), ("slow", stress.slow)):
        if mode in modes:
            report.stresses.append(under_stress(opened, ours))
            write_report()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("modes", nargs="*", type=_mode, metavar="MODE", help="compare (default), backlog, slow")
    _add_sizes(top)
    _add_pace(top)
    top.add_argument(
        "--variants",
        type=_variants,
        default=tuple(Variant),
        metavar="LIST",
        help="schemas: documented, deployed, indexed (all)",
    )
    top.add_argument("--indexes", type=Path, default=INDEXES, metavar="FILE", help="the optional migration (our own)")
    top.add_argument(
        "--exporters",
        type=_names,
        default=(),
        metavar="LIST",
        help="the other exporters to run, such as query-exporter (all installed)",
    )
    top.add_argument("--against", metavar="REVISION", help="an older build of ours to compare with, such as 80bb9ed")
    top.add_argument("--reuse", type=Path, metavar="DIR", help="keep database and environments here")
    top.add_argument("--output", type=Path, metavar="DIR", help="write report.md and report.json here")
    return top


def plan_of(options: argparse.Namespace) -> BenchmarkPlan:
    """The plan for these options."""
    base = SMALL if options.small else FULL
    minutes = options.minutes or (1.0 if options.small else 10.0)
    requests = options.requests if options.requests is not None else (200 if options.small else 500)
    return BenchmarkPlan(
        size=replace(base, **{name: value for name in _SIZES if (value := getattr(options, name)) is not None}),
        durations=Durations(
            minutes=minutes,
            backlog_minutes=options.backlog_minutes or minutes,
            requests=requests,
        ),
        variants=options.variants,
        exporters=options.exporters,
        against=options.against,
        keep=options.reuse and options.reuse.resolve(),
        indexes=options.indexes,
        sleep=options.sleep,
        backlog=options.backlog,
        few=options.few or (50_000 if options.small else 100_000),
    )


_SIZES: Final = {
    "jobs": "processed jobs",
    "events": "events",
    "keys": "idempotency keys",
    "courses": "courses",
    "pending": "pending jobs",
    "rate": "new rows per hour, in each table",
    "worn": "jobs processed since the last vacuum",
}


def _add_sizes(top: argparse.ArgumentParser) -> None:
    top.add_argument("--small", action="store_true", help="100k rows and a minute each: a quick check")
    for name, text in _SIZES.items():
        flags = ("--jobs", "--rows") if name == "jobs" else (f"--{name}",)
        top.add_argument(*flags, dest=name, type=count, metavar="N", help=f"{text}, such as 1200, 660k, 10M")
    top.add_argument("--few", type=count, metavar="N", help="rows of the small database (100k)")
    top.add_argument("--backlog", type=count, default=1_000_000, metavar="N", help="pending jobs of `backlog` (1M)")


def _add_pace(top: argparse.ArgumentParser) -> None:
    top.add_argument("--minutes", type=float, metavar="M", help="duration in each schema (10), after one to settle")
    top.add_argument("--backlog-minutes", type=float, metavar="M", help="duration with a large backlog (the same)")
    top.add_argument(
        "--requests", type=count, metavar="N", help="scrapes per round of the latency measurement; 0: none (500)"
    )
    top.add_argument(
        "--sleep", type=float, default=2.0, metavar="S", help="seconds that the query of `slow` sleeps (2)"
    )


def _mode(text: str) -> str:
    if text not in _MODES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_MODES)}")
    return text


def _variants(text: str) -> tuple[Variant, ...]:
    return tuple(Variant(name) for name in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _write(report: BenchmarkReport, directory: Path | None) -> None:
    if directory is None:
        return
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(report.as_markdown(), encoding="utf-8")
    (directory / "report.json").write_text(report.as_json(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
