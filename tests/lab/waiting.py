"""Waits for a condition, and checks for remains of a cluster."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

Value = TypeVar("Value")


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Returns when the condition holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)


def wait_until_steady(read: Callable[[], Value], moment: float = 0.1) -> Value:
    """The value once it has not changed for `moment` seconds; fails as `wait_for` does."""
    seen = [read()]

    def steady() -> bool:
        time.sleep(moment)
        seen.append(read())
        return seen[-1] == seen[-2]

    wait_for(steady)
    return seen[-1]


def is_gone(directory: Path, pid: int) -> bool:
    """Whether neither the cluster's directory nor its server is there any more."""
    return not directory.exists() and not _runs(pid)


def processes_of(directory: Path) -> list[psutil.Process]:
    """The processes that name the directory in their command: the server and its clean-up process."""
    return [process for process in psutil.process_iter() if str(directory) in _command(process)]


def _runs(pid: int) -> bool:
    """A dead process that its parent has not asked for yet does not run."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
