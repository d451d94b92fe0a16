"""A worker in a process of its own, which is killed while it runs a job."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]

# A worker writes this line when it has begun a job that does not end.
RUNNING: Final = "running"
_START_SECONDS: Final = 60


def kill_in_job(module: str, *arguments: str) -> None:
    """Run a module as a worker, and kill it (SIGKILL) when it has begun a job.

    Raises: RuntimeError, when the worker ends or begins no job within a minute.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        select.select([worker.stdout], [], [], _START_SECONDS)
        worker.kill()
        if worker.stdout.read().strip() != RUNNING:
            raise RuntimeError(f"{module} began no job: {worker.stderr.read()}")
