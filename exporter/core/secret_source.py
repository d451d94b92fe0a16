"""Secrets that may change while the exporter runs: read from a file, or printed by a command, at each use."""

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from exporter.core import logs
from exporter.core.errors import SecretUnavailable

# Far more than a DSN or a token needs: a file of another kind, named by mistake, is not read whole.
_MAX_BYTES = 64 * 1024

# Seconds. The command lines of cloud providers need one to three, several times as long where processor time is scarce.
COMMAND_TIME_LIMIT = 10.0

# Raises ValueError, without showing the text, for one that is no such secret.
Check = Callable[[str], None]


class SecretFile:
    """A file that holds a secret. `key` names it in messages; the path is not shown, it may be the secret itself."""

    time_limit = 0.0

    def __init__(self, key: str, path: Path, check: Check) -> None:
        self.latest = ""
        self._key = key
        self._path = path
        self._check = check

    def read(self) -> str:
        """The content, without the line break at its end. Raises: SecretUnavailable."""
        self.latest = _accepted(self._key, self.content, self._check)
        return self.latest

    def content(self) -> str:
        """The same, unchecked. Raises: ValueError, without naming the file."""
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            text = content.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError("the file does not hold text") from None
        if len(content) > _MAX_BYTES:
            raise ValueError(f"the file is larger than {_MAX_BYTES // 1024} KiB")
        if not text:
            raise ValueError("the file is empty")
        return text


class SecretCommand:
    """A command that prints a secret. It is used for `lifetime` seconds, so that not every request runs the command."""

    time_limit = COMMAND_TIME_LIMIT

    def __init__(self, key: str, arguments: Sequence[str], check: Check, lifetime: float = 0.0) -> None:
        self.latest = ""
        self._key = key
        self._arguments = tuple(arguments)
        self._check = check
        self._lifetime = lifetime
        self._expires = 0.0

    def read(self) -> str:
        """The first line that the command prints, now or within the lifetime. Raises: SecretUnavailable."""
        now = time.monotonic()
        if not self.latest or now >= self._expires:
            self.latest = _accepted(self._key, self._run, self._check)
            self._expires = now + self._lifetime
        return self.latest

    def _run(self) -> str:
        # Imported now: few configurations have commands.
        line: str = import_module("exporter.core.secret_command").first_line(self._arguments, self.time_limit)
        return line


def _accepted(key: str, read: Callable[[], str], check: Check) -> str:
    try:
        text = read()
        check(text)
    except ValueError as error:
        raise SecretUnavailable(f"{key}: {error}") from None
    logs.hide_renewed(text)
    return text
