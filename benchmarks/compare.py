"""All exporters over the same data at the same time, in each variant of the schema.

Successive measurements cannot be compared: an exporter computes for a few milliseconds after seconds of pause, so its
processor time depends on what other processes left in the caches, and differs by 10 % and more between runs. Side by
side all exporters have the same conditions. Their cost in the database is told apart by their roles.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import commands, load, statements
from benchmarks.builds import OURS
from benchmarks.commands import CommandCost
from benchmarks.documented import INTERVAL
from benchmarks.environment import Environment
from benchmarks.exporters import Contender
from benchmarks.load import LatencyResult
from benchmarks.measure import ExporterResult, ExporterRun, Testbed, run_exporter
from benchmarks.plan import Durations, Variant
from benchmarks.schedule import Routine, repeat

_log = logging.getLogger(__name__)
SETTLING_WINDOW: Final = 60.0  # seconds after the first complete values, until each exporter has done everything once
_SCRAPING: Final = 1.0  # seconds that the scrapes get ahead of the health checks
_CLIENTS: Final = (1, 8)


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """The results in one variant of the schema.

    Attributes:
        variant: of the schema.
        results: of each exporter.
        small: of ours over few rows, beside the others; None when ours was not measured.
    """

    variant: Variant
    results: tuple[ExporterResult, ...]
    small: ExporterResult | None

    def of(self, exporter: str) -> ExporterResult | None:
        """The result of one exporter."""
        return next((result for result in self.results if result.exporter == exporter), None)


@dataclass(frozen=True, slots=True)
class Responsiveness:
    """What does not depend on the schema.

    Attributes:
        latencies: of scrapes, by exporter, for each number of clients.
        commands: the cost of the commands of each build of ours.
    """

    latencies: Mapping[str, Sequence[LatencyResult]]
    commands: Sequence[CommandCost]


def compare(
    environment: Environment, exporters: Sequence[Contender], publish: Callable[[Responsiveness], None]
) -> Iterator[SchemaComparison]:
    """One comparison per variant; at the end of the first one, `publish` gets what does not depend on the schema."""
    plan = environment.plan
    few = replace(plan.size, jobs=plan.few, events=plan.few)
    over_few = [replace(one, name=f"{one.name}, few rows") for one in exporters if one.name == OURS]
    for variant in plan.variants:
        with (
            environment.testbed(plan.size, variant, exporters) as large,
            environment.testbed(few, variant, over_few) as small,
            ExitStack() as stack,
        ):
            statements.reset(large.observer)
            places = [*((large, one) for one in exporters), *((small, one) for one in over_few)]
            runs = [run for place in places if (run := _start(stack, *place))]
            results = list(zip(runs, side_by_side(runs, plan.durations.minutes), strict=True))
            yield SchemaComparison(
                variant,
                tuple(result for run, result in results if run.testbed is large),
                next((result for run, result in results if run.testbed is small), None),
            )
            if variant is plan.variants[0]:
                publish(_responsiveness(runs, [run for run in runs if run.testbed is large], plan.durations))


def side_by_side(
    runs: Sequence[ExporterRun], minutes: float, settling: float = SETTLING_WINDOW
) -> list[ExporterResult]:
    """The results of running exporters after `settling` seconds and `minutes`.

    Raises: RuntimeError when an exporter ends; OSError, http.client.HTTPException when one does not respond.
    """
    now = time.monotonic()
    routines = list(_routines(runs, now))
    repeat(routines, now + settling)
    marks = [run.mark() for run in runs]
    repeat(routines, now + settling + 60 * minutes)
    results = [run.result(mark) for run, mark in zip(runs, marks, strict=True)]
    for result in results:
        _log.info(
            "%s: %.4f s/min, with health checks %.4f, %.0f buffers/min",
            *(result.exporter, result.processor, result.processor_with_health, result.buffers),
        )
    return results


def _routines(runs: Sequence[ExporterRun], now: float) -> Iterator[Routine]:
    """A scrape of each every 15 s, at equal distances, and the health checks of those that have one."""
    for number, run in enumerate(runs):
        offset = number / len(runs)
        yield Routine(run.scrape, INTERVAL, now + INTERVAL * offset)
        if shipped := run.exporter.shipped:
            yield Routine(run.check_health, shipped.health_interval, now + _SCRAPING + shipped.health_interval * offset)


def _start(stack: ExitStack, testbed: Testbed, exporter: Contender) -> ExporterRun | None:
    """A running exporter with all its values; None when it does not start, and is left out."""
    with ExitStack() as attempt:
        try:
            run = attempt.enter_context(run_exporter(testbed, exporter))
            run.wait_for_values()
            run.start_watch()
        except RuntimeError:
            _log.exception("%s is left out", exporter.name)
            return None
        _log.info("%s: complete after %.1f s", exporter.name, run.first_values)
        stack.push(attempt.pop_all())
        return run


def _responsiveness(
    everything: Sequence[ExporterRun], runs: Sequence[ExporterRun], durations: Durations
) -> Responsiveness:
    """Scrapes and commands, in rounds that alternate between the exporters, while the others are stopped."""
    latencies: dict[str, list[list[LatencyResult]]] = {run.exporter.name: [] for run in runs}
    for _ in range(durations.rounds if durations.requests else 0):
        for run in runs:
            with _stopped(other for other in everything if other is not run):
                found = load.measure(run.port, _CLIENTS, durations.requests, durations.seconds)
            latencies[run.exporter.name].append(found)
    _log.info("latencies measured")
    ours = [run for run in runs if run.exporter.shipped and run.exporter.shipped.watching]
    with _stopped(run for run in everything if run not in ours):
        costs = commands.measure(ours, durations.rounds)
    _log.info("commands measured")
    return Responsiveness({name: load.medians(rounds) for name, rounds in latencies.items()}, costs)


@contextmanager
def _stopped(runs: Iterator[ExporterRun]) -> Iterator[None]:
    """Stops processes for as long as the context is active."""
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.process.stopped())
        yield
