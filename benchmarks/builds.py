"""Our exporter as its image runs it, built from the working tree or from a revision."""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from benchmarks import interpreters
from benchmarks.exporters import Contender, ExporterTarget, Shipped, StartCommand
from tools import dockerfile, image
from tools.image import Image

OURS: Final = "outbox-exporter"
_ROLE_SCRIPT: Final = Path("exporter", "sql", "setup", "monitoring_role.sql")
_COMPLETE: Final = (
    "outbox_pending_jobs",
    "outbox_last_hour_processed_jobs",
    "outbox_last_hour_fsm_events",
    "outbox_idempotency_keys",
)


@contextmanager
def working_tree() -> Iterator[list[Contender]]:
    """The exporter of this working tree: with its defaults, and watching."""
    changed = "+changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    with image.built(_python(image.ROOT), image.ROOT) as built:
        yield contenders(OURS, f"{revision('HEAD')}{changed} on {_interpreter(built)}", built, image.ROOT)


@contextmanager
def at(wanted: str) -> Iterator[list[Contender]]:
    """The same of an older revision, with its own image, configuration and role script. Raises: CalledProcessError."""
    short = revision(wanted)
    with ExitStack() as stack:
        source = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-revision-")))
        archive = subprocess.run(["git", "archive", short], cwd=image.ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603, S607
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
            files.extractall(source, filter="data")
        built = stack.enter_context(image.built(_python(source), source))
        yield contenders(short, f"on {_interpreter(built)}", built, source)


def contenders(name: str, version: str, built: Image, source: Path) -> list[Contender]:
    """A build with its defaults, and with a watch going on and an Alertmanager."""
    shipped = Shipped(
        build=name,
        entrypoint=tuple(built.entrypoint()),
        health_check=tuple(built.health_check()),
        health_interval=built.health_interval(),
        role_script=source / _ROLE_SCRIPT,
    )
    watching = replace(shipped, watching=True)
    alone = partial(_start, built, watching=False)
    busy = partial(_start, built, watching=True)
    return [
        Contender(name, version, _COMPLETE, alone, shipped),
        Contender(f"{name}, watch", version, _COMPLETE, busy, watching),
    ]


def revision(wanted: str) -> str:
    """The short hash of a revision. Raises: CalledProcessError when there is none."""
    return _git("rev-parse", "--short", f"{wanted}^{{commit}}").strip()


def base_version(source: Path) -> interpreters.PythonVersion:
    """The version of Python in the base image of a source tree. Raises: ValueError when its tag does not name it."""
    base = dockerfile.read(source / "Dockerfile")[-1].base
    if (found := re.search(r"python:(\d+)\.(\d+)", base)) is None:
        raise ValueError(f"the base image {base} does not name a version of Python")
    return int(found[1]), int(found[2])


def _interpreter(built: Image) -> str:
    """The version of Python with which it was built, such as python3.13."""
    return built.site_packages.parent.name


def _python(source: Path) -> Path:
    """A Python of the version of the image, or this one when none is installed."""
    wanted = base_version(source)
    return interpreters.find(lambda version: version == wanted) or Path(sys.executable).resolve()


def _start(built: Image, task: ExporterTarget, *, watching: bool) -> StartCommand:
    """As a container: the image's command and environment, settings in variables, and directories of its own.

    With the application, and otherwise default settings.
    """
    # New directories for each start: reading and writing the state of an earlier run would cost time.
    own = Path(tempfile.mkdtemp(prefix="container-", dir=task.directory))
    settings = {
        "DATABASE_DSN": task.dsn,
        "WEB_LISTEN": task.address,
        "APPLICATION_URL": task.application_url,
        "WATCH_STATE_DIR": str(own / "state"),
        **({"ALERTING_ALERTMANAGER_URL": task.alertmanager_url} if watching else {}),
    }
    (own / "state").mkdir()
    (own / "tmp").mkdir()
    environment = {f"OUTBOX_EXPORTER_{name}": value for name, value in settings.items()}
    return StartCommand(
        tuple(built.command()),
        {**built.environment, "TMPDIR": str(own / "tmp"), "HOME": str(own), **environment},
        built.root,  # WORKDIR; in ours `python -m` would find the modules of this working tree
    )


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=image.ROOT, check=True, capture_output=True, text=True, env=os.environ).stdout  # noqa: S603
