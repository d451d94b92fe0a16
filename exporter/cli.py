"""Runs the command of a command line.

Exit status everywhere: 0 good, 1 the thing asked about is bad, 2 wrong usage or configuration, 3 unknown or
unreachable, so that nothing was proved.
"""

import gc
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from exporter.core import logs, output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus

logger = logging.getLogger(__name__)

# Its log is read rather than its terminal.
_SERVE = "exporter.commands.serve:serve"
_PARSER = "exporter.commands.parser:parse"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    output.use_utf8()
    options = function(_PARSER)(arguments)
    logs.configure()
    logs.log_uncaught()
    try:
        return int(function(options.command)(options))
    except ConfigError as error:
        print(logs.hide("\n".join(error.problems)), file=sys.stderr)
        return ExitStatus.USAGE
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does.
        output.discard()
        return ExitStatus.UNKNOWN
    except output.OutputLost as error:
        output.discard()
        print(f"the answer could not be written: {error}", file=sys.stderr)
        return ExitStatus.UNKNOWN
    except Exception as error:  # noqa: BLE001 - after any error nothing was proved
        _report_unexpected(error, to_the_log=options.command == _SERVE)
        return ExitStatus.UNKNOWN


def function(reference: str) -> Callable[..., Any]:
    """The function of a command, `module:function`. Importing it loads what this command needs, and no more.

    Raises: ConfigError when a part of the program is not installed.
    """
    module, _, name = reference.partition(":")
    # Modules live as long as the process. Without this a sixth of a short command's time goes into examining them.
    gc.disable()
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    finally:
        gc.freeze()
        gc.enable()
    return found


def _report_unexpected(error: Exception, *, to_the_log: bool) -> None:
    """Print one line on standard error; `serve` logs the traceback instead, because its log is read."""
    level = logging.CRITICAL if to_the_log else logging.DEBUG
    logs.event(logger, level, "uncaught exception", exc_info=error)
    if not to_the_log:
        message = " ".join(logs.hide(str(error)).split())
        print(
            f"unexpected {type(error).__name__}{f': {message}' if message else ''}; nothing was proved. "
            "log.level debug shows where it came from",
            file=sys.stderr,
        )
