"""`sample`: everything once, printed or written to a file."""

import argparse
import sys
from pathlib import Path

from exporter.app.sample import Format, render, render_unavailable, write
from exporter.commands.database_configuration import load
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.sampling.collector_set import CollectorSet


def sample(options: argparse.Namespace) -> ExitStatus:
    """Unknown when any collector failed; the readings of the others are printed all the same."""
    try:
        sampling = CollectorSet(load(options))
        sampling.sample_once()
        states, text = sampling.store.states(), render(sampling, options.format)
    except Exception as error:
        if options.output is not None:
            _write_unavailable(options.output, options.format, error)
        raise
    for state in states:
        for problem in state.problems:
            print(f"{state.name}: {problem.reason}: {problem.message}", file=sys.stderr)
    if options.output is None:
        output.write(text)
    else:
        write(options.output, text)
    return ExitStatus.GOOD if all(state.success for state in states) else ExitStatus.UNKNOWN


def _write_unavailable(path: Path, form: Format, error: Exception) -> None:
    """Replace an earlier sample in the file. Raises: ConfigError with the problems of both."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    try:
        write(path, render_unavailable(form, configured=not problems))
    except ConfigError as other:
        raise ConfigError((*problems, *other.problems)) from error
