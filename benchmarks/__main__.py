"""`python -m benchmarks`: fills, measures, reports."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import exporters, world
from benchmarks.compare import compare
from benchmarks.plan import Pace, Plan, Size, Variant, count
from benchmarks.report import Report

# The size at which the monitoring queries of the guide were found to hurt.
_FULL: Final = Size(jobs=10_000_000, events=10_000_000, keys=660_000, courses=1_000, pending=1_200, rate=13_000)
_SMALL: Final = replace(_FULL, jobs=100_000, events=100_000, keys=6_600)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the modes that are asked for; answers with the exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level="INFO", format="%(asctime)s %(message)s", stream=sys.stderr)
    with ExitStack() as stack:
        plan = plan_of(options)
        keep = plan.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-benchmark-")))
        contenders = [one for one in exporters.available(keep) if not plan.exporters or one.name in plan.exporters]
        opened = stack.enter_context(world.opened(plan))
        versions = {"PostgreSQL": str(opened.cluster.major)} | {one.name: one.version for one in contenders}
        report = Report(plan, versions)
        for comparison in compare(opened, contenders):
            report.comparisons.append(comparison)
            _write(report, options.output)
    print(report.as_markdown())  # noqa: T201 - a command's answer
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    top.add_argument("--small", action="store_true", help="100k rows and a minute each: a quick check")
    for name, text in (
        ("rows", "processed jobs"),
        ("events", "events"),
        ("keys", "idempotency keys"),
        ("courses", "courses"),
        ("pending", "pending jobs"),
        ("rate", "new rows per hour"),
    ):
        top.add_argument(f"--{name}", type=count, metavar="N", help=f"{text}, such as 1200, 660k, 10M")
    top.add_argument("--minutes", type=float, metavar="M", help="watching by our exporter (10)")
    top.add_argument("--others-minutes", type=float, metavar="M", help="watching by each of the others (as ours)")
    top.add_argument("--requests", type=count, metavar="N", help="scrapes per latency measurement (5000)")
    top.add_argument(
        "--variants",
        type=_variants,
        default=(Variant.DOCUMENTED, Variant.DEPLOYED),
        metavar="LIST",
        help="schemas: documented, deployed, indexed (documented,deployed)",
    )
    top.add_argument("--indexes", type=Path, metavar="FILE", help="the optional migration, for the variant indexed")
    top.add_argument("--exporters", type=_names, default=(), metavar="LIST", help="who takes part (all installed)")
    top.add_argument("--reuse", type=Path, metavar="DIR", help="keep database and environments here")
    top.add_argument("--output", type=Path, metavar="DIR", help="write report.md and report.json here")
    return top


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that these options mean."""
    base = _SMALL if options.small else _FULL
    given = {
        "jobs": options.rows,
        "events": options.events,
        "keys": options.keys,
        "courses": options.courses,
        "pending": options.pending,
        "rate": options.rate,
    }
    size = replace(base, **{name: value for name, value in given.items() if value is not None})
    minutes = options.minutes or (1.0 if options.small else 10.0)
    requests = options.requests if options.requests is not None else (500 if options.small else 5_000)
    return Plan(
        size=size,
        pace=Pace(minutes, options.others_minutes or minutes, requests),
        variants=options.variants,
        exporters=options.exporters,
        keep=options.reuse and options.reuse.resolve(),
        indexes=options.indexes,
        sleep=2.0,
        backlog=1_000_000,
        small=100_000,
    )


def _variants(text: str) -> tuple[Variant, ...]:
    return tuple(Variant(name) for name in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _write(report: Report, directory: Path | None) -> None:
    if directory is None:
        return
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(report.as_markdown(), encoding="utf-8")
    (directory / "report.json").write_text(report.as_json(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
