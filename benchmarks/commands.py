"""The processor time and memory of our commands, as the image runs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.measure import ExporterRun
from benchmarks.usage import CommandUsage

# The arguments of each command, by its name in the report. The exporter is running, with a watch.
_COMMANDS: Final = {
    "--help": ("--help",),
    "--version": ("--version",),
    "a wrong option": ("--wrong",),
    "watch status": ("watch", "status"),
    "maintenance start": ("maintenance", "start", "--for", "1h", "--reason", "benchmark"),
    "rules": ("rules",),
    "sample": ("sample",),
}


@dataclass(frozen=True, slots=True)
class CommandCost:
    """One command of one build: median seconds of processor time, median of the peak resident bytes, exit status."""

    command: str
    build: str
    seconds: float
    peak: int
    status: int


def measure(runs: Sequence[ExporterRun], rounds: int) -> list[CommandCost]:
    """Runs every command `rounds` times beside each exporter, in turns."""
    used: dict[tuple[str, str], list[CommandUsage]] = {}
    for run in [run for _ in range(rounds) for run in runs]:
        if shipped := run.exporter.shipped:
            for name, arguments in _COMMANDS.items():
                used.setdefault((name, shipped.build), []).append(run.use((*shipped.entrypoint, *arguments)))
            used.setdefault(("health check", shipped.build), []).append(run.check_health())
    return [
        CommandCost(
            command=name,
            build=build,
            seconds=median(each.seconds for each in several),
            peak=round(median(each.peak for each in several)),
            status=several[-1].status,
        )
        for (name, build), several in used.items()
    ]
