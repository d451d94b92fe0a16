"""Runs a command that prints a secret: without a shell, within a time limit, and without showing what it prints."""

import atexit
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

# Far more than any token: a command that prints something else is ended.
MAX_BYTES = 64 * 1024

_running: set["subprocess.Popen[bytes]"] = set()


def first_line(arguments: Sequence[str], time_limit: float) -> str:
    """The first line that the command prints, without its line break.

    The command inherits the environment, has no standard input, and is killed with its own children after `time_limit`
    seconds. Raises: ValueError for any failure; its message repeats neither the command nor its output.
    """
    deadline = time.monotonic() + time_limit
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument holds a null character"
        raise ValueError(f"the command cannot be started: {reason}") from None
    _running.add(process)
    try:
        printed = _read(process.stdout, deadline) if process.stdout else b""
        status = process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise ValueError(f"the command did not end within {time_limit:g} s") from None
    finally:
        _running.discard(process)
        _end(process)
    if status:
        raise ValueError(f"the command failed with {f'status {status}' if status > 0 else f'signal {-status}'}")
    return _line(printed)


def abort_running() -> None:
    """Kill the commands that are running, so that whoever waits for one fails at once. Safe from any thread."""
    for process in tuple(_running):
        _kill(process)


# A command outlives neither the exporter nor Ctrl-C, which its own session does not see.
atexit.register(abort_running)


def _read(stream: IO[bytes], deadline: float) -> bytes:
    """Everything until the end. Raises: TimeoutError, ValueError."""
    content = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(content) <= MAX_BYTES:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(stream.fileno(), MAX_BYTES)
            if not chunk:
                return content
            content += chunk
    raise ValueError(f"the command printed more than {MAX_BYTES // 1024} KiB")


def _line(printed: bytes) -> str:
    try:
        line = printed.decode("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ValueError("the command did not print text") from None
    if not line:
        raise ValueError("the command printed nothing")
    return line


def _end(process: "subprocess.Popen[bytes]") -> None:
    _kill(process)
    if process.stdout:
        process.stdout.close()
    with suppress(subprocess.TimeoutExpired):  # the kernel may hold it, for instance in a hanging file system
        process.wait(1)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill it and its children, unless its end was waited for: until then its group cannot be another one's.

    A command that has ended may have left a child that holds its output open.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
