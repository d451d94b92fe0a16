"""Events on standard error: one line each, as text or JSON, without secrets, and with a limit on repeats.

An event is a short fixed sentence with fields beside it: `event(logger, WARNING, "collector failed", reason="lock")`.
"""

import json
import logging
import math
import re
import sys
import threading
import traceback
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from exporter.core.redaction import KnownSecrets
from exporter.core.types import LogFormat, LogLevel, Secret

# The loggers that `level` applies to; the standard library logs warnings of all modules to `py.warnings`.
OWN_LOGGERS = ("exporter", "alerts", "py.warnings")
# Libraries that set a level themselves, so that the root's would not reach them. They repeat messages that
# the exporter logs once (connection refused, missed run), so only their errors pass.
_NOISY_LIBRARIES = ("psycopg", "psycopg.pool", "apscheduler", "urllib3")

_HOUR = 3600.0

_secrets = KnownSecrets()


def configure(secrets: Iterable[Secret | str] = (), *, level: LogLevel = "info", style: LogFormat = "text") -> None:
    """Log to standard error from now on, at that level and in that style, with these secrets hidden.

    May be called again, as after a reload: the last level and style count, and secrets once known stay hidden.
    Libraries log errors only; with level `debug`, warnings too.
    """
    _secrets.configure(each.latest if isinstance(each, Secret) else each for each in secrets)
    handler = _Handler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    others = logging.WARNING if level == "debug" else logging.ERROR
    for name in (None, *_NOISY_LIBRARIES):
        logging.getLogger(name).setLevel(others)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def hide(text: str) -> str:
    """The text without known secrets: for messages of libraries on pages and in responses."""
    return _secrets.hide(text)


def hide_renewed(*secrets: str) -> None:
    """Hide secrets that were read after the start, in the log and by `hide`. Call it before using one."""
    _secrets.renew(*secrets)


def event(
    logger: logging.Logger, level: int, text: str, /, *, exc_info: BaseException | bool = False, **fields: object
) -> None:
    """Log one event: a short fixed text that can be searched for, and its details as fields."""
    logger.log(level, text, exc_info=exc_info, extra={"fields": fields}, stacklevel=2)


def log_uncaught() -> None:
    """Log uncaught exceptions of any thread as events: Python itself would print them with secrets."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None, thread: str) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            event(logging.getLogger("exporter"), logging.CRITICAL, "uncaught exception", exc_info=error, thread=thread)

    def in_thread(stray: threading.ExceptHookArgs) -> None:
        name = stray.thread.name if stray.thread else "?"
        error = stray.exc_value or stray.exc_type()
        if not issubclass(stray.exc_type, SystemExit):
            uncaught(stray.exc_type, error, stray.exc_traceback, name)

    sys.excepthook = lambda kind, error, trace: uncaught(kind, error, trace, threading.current_thread().name)
    threading.excepthook = in_thread


class _Handler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Print only that an event was lost: the base class prints its arguments as they are."""
        try:
            self.stream.write(f"an event of {record.name}, line {record.lineno}, could not be logged\n")
        except (OSError, ValueError):
            return  # standard error itself is gone


class _Formatter(logging.Formatter):
    """One line per record. Secrets are hidden in every name and value before quoting, which would disguise them."""

    def __init__(self, style: LogFormat) -> None:
        super().__init__()
        self._line = _as_json if style == "json" else _as_text

    def format(self, record: logging.LogRecord) -> str:
        return self._line({hide(name): _without_secrets(value) for name, value in _record_fields(record).items()})


def _record_fields(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a record, by name, in the order of the line."""
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry: dict[str, object] = {
        "time": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage(),
    }
    for name, value in getattr(record, "fields", {}).items():
        entry[f"{name}_" if name in entry else name] = _plain(value)
    if record.exc_info and record.exc_info[1]:
        entry["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
    if record.stack_info:
        entry["stack"] = record.stack_info
    return entry


def _plain(value: object) -> object:
    """The value if JSON has its like, otherwise its text."""
    if value is None or isinstance(value, bool | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _without_secrets(value: object) -> object:
    text = value if isinstance(value, str) else json.dumps(value)
    hidden = hide(text)
    return value if hidden == text else hidden


def _as_json(entry: dict[str, object]) -> str:
    return json.dumps(entry)


def _as_text(entry: dict[str, object]) -> str:
    return " ".join(f"{name}={_quoted(value)}" for name, value in entry.items())


def _quoted(value: object) -> str:
    """In logfmt's way: bare when nothing in it could be mistaken, otherwise quoted and escaped as in JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    escaped = "".join(char if char.isprintable() and char not in '"\\' else json.dumps(char)[1:-1] for char in text)
    bare = text and text == escaped and " " not in text and "=" not in text
    return text if bare else f'"{escaped}"'


# Ports and process ids, longer than a status of HTTP; ids of poolers: hexadecimal, perhaps after a letter for the kind.
_VARYING = re.compile(r"\b\d{4,}\b|\b[a-z]?(?=[a-f]*\d)[0-9a-f]{8,}\b")


@dataclass(slots=True)
class _KeyHistory:
    """The messages logged about one key, without numbers and ids, with their times; the number suppressed since."""

    logged: dict[str, float] = field(default_factory=dict)
    suppressed: int = 0


class RepeatFilter:
    """Decides whether to log a message about a key, so that a lasting failure does not fill a disk.

    A message is logged when it was not logged about its key in the last `every` seconds. Long numbers and ids in it are
    ignored: a pooler gives each connection a new one. At most `variety` different messages are logged in that time.
    Not safe for several threads at once.
    """

    def __init__(self, every: float = _HOUR, variety: int = 10) -> None:
        self._every = every
        self._variety = variety
        self._histories: dict[Hashable, _KeyHistory] = {}

    def suppressed(self, key: Hashable, message: str, now: float) -> int | None:
        """None to suppress it; otherwise log it now: the number of messages suppressed since the last line.

        Units: `now` in seconds of any clock that does not go back.
        """
        history = self._histories.setdefault(key, _KeyHistory())
        history.logged = {text: at for text, at in history.logged.items() if now - at < self._every}
        normalized = _VARYING.sub("#", message)
        if normalized in history.logged or len(history.logged) >= self._variety:
            history.suppressed += 1
            return None
        history.logged[normalized] = now
        count, history.suppressed = history.suppressed, 0
        return count

    def forget(self, key: Hashable) -> bool:
        """It works again: log the next message. True when a message about the key was logged before."""
        return self._histories.pop(key, None) is not None
