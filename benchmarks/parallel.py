"""Processor time of exporters that run in parallel.

Successive measurements cannot be compared: an exporter computes for a few milliseconds after seconds of pause, so its
processor time depends on what other processes left in the caches, and differs by 10 % and more between runs. In
parallel all exporters have the same conditions.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.documented import INTERVAL
from benchmarks.exporters import Contender
from benchmarks.measure import ExporterRun, Testbed, first_values, run_exporter
from benchmarks.scrape import Scraper

_log = logging.getLogger(__name__)
SETTLING_WINDOW: Final = 60.0  # seconds after the first complete values, until each exporter has done everything once


def side_by_side(
    testbed: Testbed, exporters: Sequence[Contender], minutes: float, settling: float = SETTLING_WINDOW
) -> Mapping[str, float]:
    """Seconds of processor time per minute, by exporter, over `minutes`, without the start and `settling` seconds.

    Raises: RuntimeError when an exporter ends or its values are never complete; OSError, http.client.HTTPException when
    one does not respond.
    """
    with ExitStack() as stack:
        runs = [stack.enter_context(run_exporter(testbed, exporter)) for exporter in exporters]
        for run in runs:
            first_values(run)
        scrapers = [stack.enter_context(Scraper(run.port)) for run in runs]
        _scrape_for(settling, runs, scrapers)
        before, since = [run.process.processor_seconds for run in runs], time.monotonic()
        _scrape_for(60 * minutes, runs, scrapers)
        took = (time.monotonic() - since) / 60
        used = [run.process.processor_seconds - earlier for run, earlier in zip(runs, before, strict=True)]
    found = {run.exporter.name: seconds / took for run, seconds in zip(runs, used, strict=True)}
    _log.info("side by side: %s", ", ".join(f"{name} {seconds:.4f} s/min" for name, seconds in found.items()))
    return found


def _scrape_for(seconds: float, runs: Sequence[ExporterRun], scrapers: Sequence[Scraper]) -> None:
    """Scrapes each exporter every 15 s, one after the other at equal intervals."""
    begun, pause = time.monotonic(), INTERVAL / len(runs)
    for number in range(int(seconds / pause)):
        _sleep_until(begun + number * pause)
        runs[number % len(runs)].process.check()
        scrapers[number % len(runs)].scrape()
    _sleep_until(begun + seconds)
    for run in runs:  # the time of a process that has ended would count as 0
        run.process.check()


def _sleep_until(due: float) -> None:
    time.sleep(max(0.0, due - time.monotonic()))
