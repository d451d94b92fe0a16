"""Runs an Alertmanager, the receiver of our exporter's notifications."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from benchmarks import scrape
from benchmarks.exporters import StartCommand
from benchmarks.process import ExporterProcess
from exporter.lab.ports import LOOPBACK, free_port
from tools import newest_programs

_PROGRAM: Final = "prometheus-alertmanager"
_START: Final = 30.0  # seconds


@contextmanager
def run_alertmanager(directory: Path) -> Iterator[str]:
    """The URL of an Alertmanager that tells nobody, while the context is active.

    Raises: LookupError when none is installed; RuntimeError when it does not start.
    """
    program = newest_programs.program(_PROGRAM) or shutil.which(_PROGRAM)
    if program is None:
        raise LookupError(f"{_PROGRAM} is not installed: tools/packages")
    config = directory / "alertmanager.yaml"
    config.write_text(yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}), "utf-8")
    port = free_port()
    options = (
        f"--config.file={config}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    )
    with ExporterProcess(StartCommand((str(program), *options)), directory / "alertmanager.log") as process:
        scrape.wait_until_complete(port, (), _START, process.check)
        yield f"http://{LOOPBACK}:{port}"
