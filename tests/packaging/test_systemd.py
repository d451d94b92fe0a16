"""examples/systemd: the service starts an existing command, and the timer starts the service."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

from exporter.commands.parser import parser

UNITS = Path(__file__).parents[2] / "examples/systemd"


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string((UNITS / name).read_text("utf-8"))
    return found


def test_the_service_samples_into_a_file():
    """The command line is valid; status 3, an unreachable database, does not fail the unit."""
    service = unit("outbox-exporter-sample.service")["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    options = parser().parse_args(arguments)
    assert Path(program).name == "outbox-exporter"
    assert options.command == "exporter.commands.sample:sample"
    assert options.output.suffix == ".prom"
    assert str(options.output.parent) == service["ReadWritePaths"]
    assert (service["Type"], service["SuccessExitStatus"], service["UMask"]) == ("oneshot", "3", "0022")


def test_the_timer_is_of_the_service():
    """The service is found by the timer's name."""
    assert unit("outbox-exporter-sample.timer")["Timer"]["OnCalendar"] == "minutely"
    assert {path.stem for path in UNITS.iterdir()} == {"outbox-exporter-sample"}
