"""Processor time of exporters that watch side by side.

Turns that follow each other do not compare it: what one program takes in a minute, a few milliseconds after each pause
of some seconds, depends on what else has filled the caches meanwhile, and differs by a tenth and more between rounds.
Here everybody meets the same neighbours at the same time.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.documented import INTERVAL
from benchmarks.exporters import Exporter
from benchmarks.measure import Arena, Turn, first_values, turn
from benchmarks.scrape import Scraper

_log = logging.getLogger(__name__)
SETTLING_WINDOW: Final = 60.0  # seconds after the first complete values, in which everybody does everything once


def side_by_side(
    arena: Arena, exporters: Sequence[Exporter], minutes: float, settling: float = SETTLING_WINDOW
) -> Mapping[str, float]:
    """Seconds of processor time per minute of each, by name, over `minutes` of watching at once.

    The start and `settling` seconds after it are left out.
    Raises: RuntimeError when one of them ends or never gets complete; OSError, http.client.HTTPException when one does
    not answer.
    """
    with ExitStack() as stack:
        turns = [stack.enter_context(turn(arena, exporter)) for exporter in exporters]
        for now in turns:
            first_values(now)
        scrapers = [stack.enter_context(Scraper(now.port)) for now in turns]
        _scrape_for(settling, turns, scrapers)
        before, since = [now.running.processor_seconds for now in turns], time.monotonic()
        _scrape_for(60 * minutes, turns, scrapers)
        took = (time.monotonic() - since) / 60
        used = [now.running.processor_seconds - earlier for now, earlier in zip(turns, before, strict=True)]
    found = {now.exporter.name: seconds / took for now, seconds in zip(turns, used, strict=True)}
    _log.info("side by side: %s", ", ".join(f"{name} {seconds:.4f} s/min" for name, seconds in found.items()))
    return found


def _scrape_for(seconds: float, turns: Sequence[Turn], scrapers: Sequence[Scraper]) -> None:
    """Scrapes each of them every 15 s, one after the other with the same pause between any two."""
    begun, pause = time.monotonic(), INTERVAL / len(turns)
    for number in range(int(seconds / pause)):
        _sleep_until(begun + number * pause)
        turns[number % len(turns)].running.check()
        scrapers[number % len(turns)].scrape()
    _sleep_until(begun + seconds)
    for now in turns:  # what has ended uses nothing, which would be a figure
        now.running.check()


def _sleep_until(due: float) -> None:
    time.sleep(max(0.0, due - time.monotonic()))
