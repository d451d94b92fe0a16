"""examples/systemd: the units start existing commands with valid settings, and give them few privileges."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from alerts.policy.load import override_error_in_default_policy
from exporter.commands.parser import parser
from exporter.config import loader
from exporter.database import dsn_problem
from tests.requirements import require_program

UNITS = Path(__file__).parents[2] / "examples/systemd"
SERVICES = ("outbox-exporter.service", "outbox-exporter-sample.service")
# The scale goes from 0, no privileges, to 10, root without any restriction.
MAX_EXPOSURE = 2.0
DSN = "postgresql://outbox_monitor:made-up@db:5432/postgres"


def unit(name: str) -> configparser.ConfigParser:
    # Not strict: SystemCallFilter is there twice, for what is allowed and for what of that is not.
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string((UNITS / name).read_text("utf-8"))
    return found


def variables(*, examples: bool = False) -> dict[str, str]:
    """The variables of /etc/default/outbox-exporter; with `examples` also those after a bare `#`."""
    pattern = r'^#?([A-Z_]+)="?([^"\n]*)"?$' if examples else r'^([A-Z_]+)="?([^"\n]*)"?$'
    return dict(re.findall(pattern, (UNITS / "outbox-exporter.default").read_text("utf-8"), re.MULTILINE))


def command(service: str) -> tuple[Path, list[str]]:
    """The program of a unit and its arguments; as in systemd, `$ARGS` becomes any number of words."""
    program, *arguments = shlex.split(unit(service)["Service"]["ExecStart"].replace("$ARGS", variables()["ARGS"]))
    return Path(program), arguments


def test_the_service_serves():
    """With the state directory that systemd creates; a wrong configuration is not retried."""
    service = unit("outbox-exporter.service")["Service"]
    program, arguments = command("outbox-exporter.service")
    assert program == Path("/opt/outbox-exporter/bin/outbox-exporter")
    assert parser().parse_args(arguments).command == "exporter.commands.serve:serve"
    assert service["Environment"] == f"OUTBOX_EXPORTER_WATCH_STATE_DIR=/var/lib/{service['StateDirectory']}"
    assert (service["DynamicUser"], service["RestartPreventExitStatus"]) == ("yes", "2")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_sample_goes_into_a_file():
    """The command line is valid; status 3, an unreachable database, does not fail the unit."""
    service = unit("outbox-exporter-sample.service")["Service"]
    program, arguments = command("outbox-exporter-sample.service")
    options = parser().parse_args(arguments)
    assert program == Path("/opt/outbox-exporter/bin/outbox-exporter")
    assert options.command == "exporter.commands.sample:sample"
    assert options.output.suffix == ".prom"
    assert str(options.output.parent) == service["ReadWritePaths"]
    assert (service["Type"], service["SuccessExitStatus"], service["UMask"]) == ("oneshot", "3", "0022")


def test_the_timer_is_of_the_service():
    """The service is found by the timer's name."""
    assert unit("outbox-exporter-sample.timer")["Timer"]["OnCalendar"] == "minutely"
    assert {path.name for path in UNITS.iterdir()} == {
        *SERVICES,
        "outbox-exporter-sample.timer",
        "outbox-exporter.default",
    }


def test_the_environment_file_is_a_configuration(tmp_path):
    """Every variable of it is known, those in its comments as well; it has the name that the units read."""
    given = variables(examples=True)
    (tmp_path / "dsn").write_text(DSN)
    assert given.pop("ARGS") == ""
    assert given.pop("OUTBOX_EXPORTER_CONFIG") == "/etc/outbox-exporter/config.yaml"
    assert given.pop("OUTBOX_EXPORTER_DATABASE_DSN_FILE") == "/run/credentials/outbox-exporter.service/dsn"
    given["OUTBOX_EXPORTER_DATABASE_DSN_FILE"] = str(tmp_path / "dsn")
    checks = loader.ExternalChecks(dsn_problem, override_error_in_default_policy)
    assert loader.load(None, given, checks).database.dsn.reveal() == DSN
    for service in SERVICES:
        assert unit(service)["Service"]["EnvironmentFile"] == "-/etc/default/outbox-exporter"


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_exposed_little(service):
    """The review of systemd itself, below 2.0."""
    analyze = require_program("systemd-analyze")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", UNITS / service],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (exposure,) = re.findall(r"Overall exposure level for \S+ (\d+\.\d)", done.stdout)
    assert float(exposure) < MAX_EXPOSURE


def test_systemd_understands_the_units(tmp_path):
    """No unknown setting, no invalid value; the programs are replaced by one that is there."""
    analyze = require_program("systemd-analyze")
    for path in (*(UNITS / name for name in SERVICES), UNITS / "outbox-exporter-sample.timer"):
        text = path.read_text("utf-8").replace("/opt/outbox-exporter/bin/outbox-exporter", "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
