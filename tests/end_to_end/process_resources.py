"""The processes, ports and shared memory of a program and its children, and those left after its end."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_SHARED_MEMORY: Final = re.compile(r"(/dev/shm/\S+|/SYSV\S+)")


@dataclass(frozen=True, slots=True)
class ProcessResources:
    """The resources of a running program."""

    processes: frozenset[psutil.Process]
    ports: frozenset[int]
    shared_memory: frozenset[str]

    @classmethod
    def of(cls, pid: int) -> ProcessResources:
        """The resources of a process and of all its descendants."""
        root = psutil.Process(pid)
        family = frozenset((root, *root.children(recursive=True)))
        return cls(
            family,
            frozenset(port for process in family for port in _listening(process)),
            frozenset(segment for process in family for segment in _mapped(process)),
        )

    def remaining(self) -> list[str]:
        """A description of each resource that still exists."""
        return [
            *(f"process {process}" for process in self.processes if _is_running(process)),
            *(f"port {port}" for port in self.ports if _answers(port)),
            *(f"shared memory {segment}" for segment in self.shared_memory if _is_there(segment)),
        ]


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A TMPDIR of its own: short, since a Unix socket's path has to fit, and open to the server's user."""
    directory = Path(tempfile.mkdtemp(prefix="oe-"))
    directory.chmod(0o1777)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)  # the clean-up process may remove it at the same time


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listening(process: psutil.Process) -> list[int]:
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return []
    return [connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN]


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _mapped(process: psutil.Process) -> list[str]:
    """Shared memory with a name in the system, which would outlive the process (Linux only)."""
    try:
        return _SHARED_MEMORY.findall(Path(f"/proc/{process.pid}/maps").read_text())
    except OSError:
        return []


def _is_there(segment: str) -> bool:
    if segment.startswith("/dev/shm/"):
        return Path(segment).exists()
    key = int(segment.removeprefix("/SYSV"), 16)
    return any(int(line.split()[0]) & 0xFFFFFFFF == key for line in _segments())


def _segments() -> list[str]:
    with suppress(OSError):
        return Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return []
