"""Standard output of a command: complete, in UTF-8, and at once."""

import io
import os
import sys

from exporter.core.errors import ExporterError


class OutputLost(ExporterError):
    """Standard output cannot be written, as on a full disk. A script must not go on as if it had the output."""


def use_utf8() -> None:
    """Print UTF-8 whatever the locale: reports, rules and metrics declare it, and no character may end a command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def write(text: str) -> None:
    """Print all of it now. Raises: BrokenPipeError, OutputLost."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror) from error


def discard() -> None:
    """Discard the rest of the output: Python would try to write it again at exit, and print an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
